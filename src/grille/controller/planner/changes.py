"""What a user's change makes of an environment, a formation, a release: used by the API and by the planner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from grille.wire.errors import InvalidValue
from grille.wire.names import check_process
from grille.wire.specs import Formation, Release, Scale

MOST_JOBS = 10_000
LEAST_MEMORY = 16  # MiB


def merge_env(env: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """``env`` with ``changes`` laid over it; a value of None removes the variable."""
    merged = {**env, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def same_release(one: Release, other: Release) -> bool:
    """Whether both run the same code with the same configuration, whatever they are called and came from."""
    neutral = {"version": 0, "created": 0.0, "description": "", "source": "", "config": {}}
    return replace(one, **neutral) == replace(other, **neutral)  # type: ignore[arg-type]


def merge_scale(process: str, former: Scale | None, wanted: object) -> Scale:
    """The scale that ``wanted`` (a count, or a mapping of count, memory, cpu) makes of ``former``.

    Raises:
        InvalidValue: naming the process type, the key and what would be right.
    """
    base = former or Scale(count=0)
    fields = wanted if isinstance(wanted, Mapping) else {"count": wanted}
    if unknown := sorted(set(fields) - {"count", "memory", "cpu"}):
        raise InvalidValue(f"scale of {process}: unknown key {unknown[0]!r}", remedy="use count, memory, cpu")
    return Scale(
        count=_whole(process, "count", fields.get("count", base.count), 0, MOST_JOBS),
        memory=_memory(process, fields.get("memory", base.memory)),
        cpu=_cpu(process, fields.get("cpu", base.cpu)),
    )


def scale_formation(formation: Formation, release: Release, wanted: Mapping[str, object]) -> Formation:
    """``formation`` with the scales in ``wanted``, for process types that ``release`` has.

    Raises:
        InvalidValue: an unknown process type, or a scale that can never be right.
    """
    processes = dict(formation.processes)
    for process, scale in wanted.items():
        if check_process(process) not in release.processes:
            has = ", ".join(sorted(release.processes)) or "none"
            raise InvalidValue(
                f"release {release.version} of {release.app} has no process type {process!r}",
                remedy=f"use one of: {has}",
                code="unknown_process_type",
            )
        processes[process] = merge_scale(process, processes.get(process), scale)
    return replace(formation, processes=processes)


def next_formation(former: Formation | None, release: Release, wanted: Mapping[str, object]) -> Formation:
    """The formation that deploying ``release`` makes: new process types get 0 jobs (web: 1), then ``wanted``.

    Process types that ``release`` has no longer keep their entry, so that a failed deployment finds it again.
    """
    kept = dict(former.processes) if former else {}
    new = {name: Scale(count=int(name == "web")) for name in release.processes if name not in kept}
    formation = Formation(app=release.app, release=release.version, processes={**kept, **new})
    return scale_formation(formation, release, wanted)


def _whole(process: str, key: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidValue(f"{key} of {process} is {value!r}", remedy=f"use a whole number, {least} to {most}")
    return value


def _memory(process: str, value: object) -> int | None:
    return None if value is None else _whole(process, "memory", value, LEAST_MEMORY, 2**20)


def _cpu(process: str, value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1024:
        raise InvalidValue(f"cpu of {process} is {value!r}", remedy="use a number of cores above 0, like 0.5")
    return float(value)
