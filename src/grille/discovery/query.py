"""Query parameters: each route names those that it knows; unknown and doubled ones are refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..wire.errors import InvalidValue
from ..wire.names import check_label
from ..wire.specs import Instance

WAIT_MOST = 300.0  # seconds of a long-poll
REVISION_MOST = 2**63 - 1


@dataclass(frozen=True)
class Filter:
    """Which instances a client wants: those that agree with all that is given; ``metadata`` in the order of keys."""

    protocol: str = ""
    host: str = ""
    metadata: tuple[tuple[str, str], ...] = ()

    def wants(self, instance: Instance | None) -> bool:
        """Whether ``instance`` is there and agrees."""
        return (
            instance is not None
            and self.protocol in ("", instance.protocol)
            and self.host in ("", instance.host)
            and all(instance.metadata.get(name) == value for name, value in self.metadata)
        )


@dataclass(frozen=True)
class Find:
    """What a find asks for. ``wait`` 0: answer at once; ``after`` None: any change from now on ends the wait."""

    filter: Filter = field(default_factory=Filter)
    near: str = ""
    watch: bool = False
    wait: float = 0.0
    after: int | None = None

    @property
    def asks(self) -> bool:
        """Whether it filters at all."""
        return self.filter != Filter()


def parameters(query: Iterable[tuple[str, str]], known: tuple[str, ...]) -> dict[str, str]:
    """The parameters of a query, each at most once; ``meta.`` in ``known`` stands for all that begin so.

    Raises:
        InvalidValue: for an unknown or a doubled parameter.
    """
    found: dict[str, str] = {}
    for name, value in query:
        meta = "meta." in known and name.startswith("meta.") and len(name) > len("meta.")
        if not meta and (name not in known or name == "meta."):
            remedy = f"use {', '.join(known).replace('meta.', 'meta.<key>')}" if known else "this call takes none"
            raise InvalidValue(f"unknown parameter {name!r:.80}", remedy=remedy)
        if name in found:
            raise InvalidValue(f"parameter {name!r:.80} is given twice", remedy="give it once")
        found[name] = value
    return found


def find_of(given: dict[str, str]) -> Find:
    """The find that checked parameters ask for; raises InvalidValue."""
    metadata = sorted((name.removeprefix("meta."), value) for name, value in given.items() if name.startswith("meta."))
    wanted = Filter(given.get("protocol", ""), given.get("host", ""), tuple(metadata))
    near, after = given.get("near", ""), given.get("after", "")
    return Find(
        wanted,
        check_label("near", near) if near else "",
        flag("watch", given.get("watch", "")),
        seconds("wait", given.get("wait", "")),
        revision("after", after) if after else None,
    )


def flag(name: str, raw: str) -> bool:
    """The value of a query parameter that is 0 or 1; raises InvalidValue."""
    if raw not in ("", "0", "1"):
        raise InvalidValue(f"{name}={raw:.40} is not valid", remedy=f"use {name}=1 or leave it out")
    return raw == "1"


def seconds(name: str, raw: str) -> float:
    """The value of a query parameter that is a time to wait; raises InvalidValue."""
    try:
        value = float(raw) if raw else 0.0
    except ValueError:
        value = -1.0
    if not 0 <= value <= WAIT_MOST:
        raise InvalidValue(f"{name}={raw:.40} is not valid", remedy=f"use seconds between 0 and {WAIT_MOST:g}")
    return value


def revision(name: str, raw: str) -> int:
    """The value of a parameter or header that is a revision of the store; raises InvalidValue."""
    if not (raw.isascii() and raw.isdigit() and len(raw) < 20 and int(raw) <= REVISION_MOST):
        raise InvalidValue(f"{name}={raw:.40} is not valid", remedy="use a revision that discoverd gave")
    return int(raw)
