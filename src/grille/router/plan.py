"""What to do so that HAProxy holds what it should: pure, from ``Desired`` and ``Actual`` to a list of actions.

The order keeps every moment between two actions whole: servers come before the map that leads to them, routes
turn away before the servers that they led to are drained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from .actions import Action, Add, Drain, Maint, MapDelete, MapName, MapPut, Move, Ready
from .model import Actual, Desired, Endpoint, Server
from .pool import WAIT, class_of


@dataclass(frozen=True)
class Plan:
    """The actions, in order, and the services for which no backend was left."""

    actions: list[Action]
    unplaced: list[str]


def plan(desired: Desired, actual: Actual, held: AbstractSet[str]) -> Plan:
    """What to do now; removing drained servers is not part of it (see ``draining``).

    Args:
        held: services without a server that keep their backend, so that requests wait at its placeholder.
    """
    placed, unplaced = place(desired, actual)
    mapping = {**_kept(actual, held, placed), **placed}
    wanted = {at: desired.services[name].servers for name, at in placed.items()}
    actions: list[Action] = [
        *(action for at, servers in wanted.items() for action in _fill(at, servers, actual.backends[at])),
        *(Ready(at, WAIT) for at in mapping.values() if not _waits(actual, at)),
        *_put("services", actual.services, mapping),
        *_put("routes", actual.routes, desired.routes),
        *_delete("routes", actual.routes, desired.routes),
        *_drain(actual, wanted),
        *_delete("services", actual.services, mapping),
        *_end_waits(actual, set(mapping.values())),
    ]
    return Plan(actions, unplaced)


def place(desired: Desired, actual: Actual) -> tuple[dict[str, str], list[str]]:
    """A backend for each service that has servers: its own, or a free one; and the services that got none."""
    placed: dict[str, str] = {}
    taken: set[str] = set()
    homeless: list[str] = []
    for name in sorted(name for name, service in desired.services.items() if service.servers):
        at = actual.services.get(name, "")
        if at in actual.backends and at not in taken and class_of(at) == desired.services[name].pool:
            placed[name] = at
            taken.add(at)
        else:
            homeless.append(name)
    if not homeless:
        return placed, []
    free = _free(actual)
    for name in homeless:
        pool = free.get(desired.services[name].pool)
        if pool:
            placed[name] = pool.pop()
    return placed, [name for name in homeless if name not in placed]


def _free(actual: Actual) -> dict[str, list[str]]:
    """The backends of each class that nothing uses, first one last."""
    used = set(actual.services.values())
    free: dict[str, list[str]] = {}
    for at in sorted(actual.backends, reverse=True):
        servers = actual.backends[at]
        if at not in used and servers.keys() == {WAIT}:
            free.setdefault(class_of(at), []).append(at)
    return free


def _fill(at: str, wanted: Mapping[str, Endpoint], present: Mapping[str, Server]) -> Iterator[Action]:
    for name, endpoint in wanted.items():
        server = present.get(name)
        if server is None:
            yield Add(at, name, endpoint)
            continue
        if server.endpoint != endpoint:
            yield Move(at, name, endpoint)
        if server.mode != "ready":
            yield Ready(at, name)


def _drain(actual: Actual, wanted: Mapping[str, Mapping[str, Endpoint]]) -> Iterator[Action]:
    for at, servers in actual.backends.items():
        keep = wanted.get(at, {})
        for name, server in servers.items():
            if name != WAIT and name not in keep and server.mode == "ready":
                yield Drain(at, name)


def _kept(actual: Actual, held: AbstractSet[str], placed: Mapping[str, str]) -> dict[str, str]:
    """The backends that services without servers keep: those that exist and are nobody else's."""
    taken = set(placed.values())
    kept: dict[str, str] = {}
    for name, at in actual.services.items():
        if name in held and name not in placed and at in actual.backends and at not in taken:
            kept[name] = at
            taken.add(at)
    return kept


def _waits(actual: Actual, at: str) -> bool:
    return actual.backends[at][WAIT].mode == "ready"


def _end_waits(actual: Actual, used: AbstractSet[str]) -> Iterator[Action]:
    for at in actual.backends:
        if at not in used and _waits(actual, at):
            yield Maint(at, WAIT)


def _put(name: MapName, present: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Action]:
    for key, value in wanted.items():
        if present.get(key) != value:
            yield MapPut(name, key, value, new=key not in present)


def _delete(name: MapName, present: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Action]:
    for key in present:
        if key not in wanted:
            yield MapDelete(name, key)
