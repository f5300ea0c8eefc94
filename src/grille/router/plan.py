"""What to do so that HAProxy holds what it should: pure, from a ``Slice`` and ``Actual`` to a list of actions.

The order keeps every moment between two actions whole: servers come before the entries that lead to them, entries
turn away before the servers that they led to are drained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from . import variant
from .actions import Action, Add, Drain, MapDelete, MapPut, Move, Ready, Weigh
from .lead import Lead
from .model import Actual, Address, Server, Slice, Wanted
from .pool import WAIT, class_of


@dataclass(frozen=True)
class Plan:
    """The actions, in order, and the variants of the slice for which no backend was left."""

    actions: list[Action]
    unplaced: set[str]


def plan(wanted: Slice, actual: Actual, held: AbstractSet[str]) -> Plan:
    """What to do now; removing drained servers is not part of it (see ``drainer``).

    Args:
        held: variants without a server that keep their backend, so that requests wait there.
    """
    placed, unplaced = place(wanted, actual, held)
    services = {name: at for name, at in actual.services.items() if name not in wanted.variants} | placed
    filled = {at: (variant.parse(name), wanted.variants[name] or {}) for name, at in placed.items()}
    entries = {address: _text(entry, services, held) for address, entry in wanted.entries.items()}
    mapped: dict[Address, str | None] = {("services", name): at for name, at in placed.items()}
    left = [actual.services[name] for name in wanted.variants if name in actual.services]
    actions: list[Action] = [
        *(action for at, (kind, servers) in filled.items() for action in _fill(at, kind, servers, actual.backends[at])),
        *(Ready(at, WAIT) for at in placed.values() if actual.backends[at][WAIT].mode != "ready"),
        *_put(mapped, actual),
        *_put(entries, actual),
        *_drain([*filled, *left], {at: servers for at, (_, servers) in filled.items()}, actual),
        *(MapDelete("services", name) for name in wanted.variants if name in actual.services and name not in placed),
        *_end_waits(left, set(services.values()), actual),
    ]
    return Plan(actions, unplaced)


def whole(wanted: Slice, actual: Actual) -> Slice:
    """``wanted``, all there should be, with the order to take away whatever else HAProxy holds."""
    made = Slice(dict.fromkeys(actual.services))
    made.entries |= {(name, key): None for name, table in actual.maps.items() if name != "services" for key in table}
    made.variants |= wanted.variants
    made.entries |= wanted.entries
    return made


def strays(actual: Actual) -> list[Action]:
    """What ends the use of backends that belong to no variant: somebody else's hand, or a plan cut short."""
    used = set(actual.services.values())
    free = [at for at in actual.backends if at not in used]
    return [*_drain(free, {}, actual), *_end_waits(free, used, actual)]


def place(wanted: Slice, actual: Actual, held: AbstractSet[str]) -> tuple[dict[str, str], set[str]]:
    """A backend for each variant of the slice that has servers or is held: its own, or else a free one."""
    taken = {at for name, at in actual.services.items() if name not in wanted.variants}
    placed: dict[str, str] = {}
    homeless: list[str] = []
    for name, servers in sorted(wanted.variants.items()):
        at = actual.services.get(name, "")
        usable = at in actual.backends and at not in taken and class_of(at) == variant.parse(name).pool
        if usable and (servers or (servers is not None and name in held)):
            placed[name] = at
            taken.add(at)
        elif servers:
            homeless.append(name)
    free = _free(actual, taken) if homeless else {}
    for name in homeless:
        pool = free.get(variant.parse(name).pool)
        if pool:
            placed[name] = pool.pop()
    return placed, {name for name in homeless if name not in placed}


def _free(actual: Actual, taken: AbstractSet[str]) -> dict[str, list[str]]:
    """The backends of each class that nothing uses, first one last."""
    used = taken | set(actual.services.values())
    free: dict[str, list[str]] = {}
    for at in sorted(actual.backends, reverse=True):
        if at not in used and len(actual.backends[at]) == 1:
            free.setdefault(class_of(at), []).append(at)
    return free


def _text(entry: Lead | str | None, services: Mapping[str, str], held: AbstractSet[str]) -> str | None:
    return entry.value(services, held) if isinstance(entry, Lead) else entry


def _fill(
    at: str, kind: variant.Variant, wanted: Mapping[str, Wanted], present: Mapping[str, Server]
) -> Iterator[Action]:
    for name, each in wanted.items():
        server = present.get(name)
        if server is None:
            yield Add(at, name, each, variant.server_line(kind, str(each.endpoint), each.weight))
            continue
        if server.endpoint != each.endpoint:
            yield Move(at, name, each.endpoint)
        if server.weight != each.weight:
            yield Weigh(at, name, each.weight)
        if server.mode != "ready":
            yield Ready(at, name)


def _put(wanted: Mapping[Address, str | None], actual: Actual) -> Iterator[Action]:
    deletions: list[Action] = []
    for (name, key), value in wanted.items():
        present = actual.maps[name].get(key)
        if value is None:
            if present is not None:
                deletions.append(MapDelete(name, key))
        elif present != value:
            yield MapPut(name, key, value, new=present is None)
    yield from deletions


def _drain(backends: list[str], wanted: Mapping[str, Mapping[str, Wanted]], actual: Actual) -> Iterator[Action]:
    for at in dict.fromkeys(backends):
        keep = wanted.get(at, {})
        for name, server in actual.backends.get(at, {}).items():
            if name != WAIT and name not in keep and server.mode == "ready":
                yield Drain(at, name)


def _end_waits(backends: list[str], used: AbstractSet[str], actual: Actual) -> Iterator[Action]:
    for at in backends:
        if at not in used and at in actual.backends and actual.backends[at][WAIT].mode == "ready":
            yield Drain(at, WAIT)
