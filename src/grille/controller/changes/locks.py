"""Operators' locks: what may be asked for, and who holds a lock by the store's order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from ...codec import decode, plain
from ...store import Entry
from ...wire import names
from ...wire.configuration import Lock
from ...wire.errors import InvalidValue
from . import checks

log = structlog.get_logger()
KEYS = ("id", "owner", "reason", "ttl", "wait")
LEAST_ID = 8  # characters: who knows an id can release
SHOWN_ID = 4  # characters that others are shown of it
USUAL_TTL, LEAST_TTL, MOST_TTL = 1800.0, 10.0, 86_400.0
MOST_WAIT = 60.0
SLACK = 5.0  # seconds by which two controllers' clocks may differ


@dataclass(frozen=True)
class Wish:
    """A request for a lock: held for at most ``ttl`` seconds, waited for at most ``wait`` seconds."""

    name: str
    id: str
    owner: str
    reason: str
    ttl: float
    wait: float


@dataclass(frozen=True)
class Place:
    """A lock's holder or one of those who wait for it, and its entry in the store."""

    lock: Lock
    entry: Entry


@dataclass(frozen=True)
class Held:
    """A lock that whoever asked holds now; ``changed``: and did not before."""

    lock: Lock
    changed: bool


def wish(name: str, body: Mapping[str, Any]) -> Wish:
    """The request in the body of PUT /locks/<name>; raises InvalidValue."""
    names.check_label("lock", name)
    checks.only(body, KEYS)
    owner = _line(body, "owner", 200)
    if not owner:
        raise InvalidValue("owner is missing", remedy="say who takes the lock, like alice@laptop", code="invalid_owner")
    return Wish(
        name=name,
        id=check_id(body.get("id")),
        owner=owner,
        reason=_line(body, "reason", 500),
        ttl=_seconds(body, "ttl", USUAL_TTL, LEAST_TTL, MOST_TTL),
        wait=_seconds(body, "wait", 0.0, 0.0, MOST_WAIT),
    )


def check_id(value: object) -> str:
    """``value`` if it may be the id of somebody's place in a lock's queue; raises InvalidValue."""
    ident = names.check_label("lock id", value)
    if len(ident) < LEAST_ID:
        raise InvalidValue(
            f"lock id {ident!r} is too short",
            remedy=f"make a random label of {LEAST_ID} to 63 characters once, and send it with each request",
            code="invalid_lock_id",
        )
    return ident


def queue(entries: Iterable[Entry]) -> list[Place]:
    """The places of one lock: the holder, then those who wait, in the order in which they came."""
    found = []
    for entry in sorted(entries, key=lambda one: one.create_revision):
        try:
            found.append(Place(decode(Lock, entry.value, what=entry.key), entry))
        except InvalidValue as error:
            log.warning("lock left out", key=entry.key, error=error.message)
    return found


def by_name(entries: Iterable[Entry]) -> dict[str, list[Place]]:
    """The queues of all locks. Keys like ``locks/routes``, which guard a write and nothing else, are none."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.key.count("/") == 2:
            found.setdefault(entry.key.split("/")[1], []).append(entry)
    return {name: queue(mine) for name, mine in sorted(found.items())}


def place_of(places: list[Place], ident: str) -> Place | None:
    """The place with this id."""
    return next((place for place in places if place.lock.id == ident), None)


def overdue(places: list[Place], now: float) -> Place | None:
    """The holder when its time is over and its lease lives on: a new leader of etcd gives leases their whole TTL."""
    first = places[0] if places else None
    return first if first is not None and first.lock.since and first.lock.expires + SLACK < now else None


def shown(place: Place, mine: str = "") -> dict[str, Any]:
    """A place as anybody may see it: of its id the beginning, which is enough to tell two apart."""
    lock = place.lock
    return {
        "id": f"{lock.id[:SHOWN_ID]}…",
        "owner": lock.owner,
        "reason": lock.reason,
        "created": lock.created,
        "since": lock.since or None,
        "expires": lock.expires if lock.since else None,
        "mine": lock.id == mine,
    }


def shown_queue(name: str, places: list[Place], mine: str = "") -> dict[str, Any]:
    """A lock: its holder (null: it is free) and those who wait, in order."""
    seen = [shown(place, mine) for place in places]
    return {"name": name, "holder": seen[0] if seen else None, "queue": seen[1:]}


def outcome(taken: Held | list[Place], ident: str) -> tuple[dict[str, Any], int]:
    """The answer to a request for a lock, and its status: 201 held from now on, 200 held before, 202 not held.

    One that does not hold it is told the holder, and in ``position`` how many are ahead.
    """
    if isinstance(taken, Held):
        return {"held": True, "changed": taken.changed, "lock": plain(taken.lock)}, 201 if taken.changed else 200
    mine = place_of(taken, ident)
    position = taken.index(mine) if mine else len(taken)
    return {"held": False, "position": position, "holder": shown(taken[0]) if taken else None}, 202


def _line(body: Mapping[str, Any], key: str, most: int) -> str:
    value = checks.text(body, key, most)
    if not value.isprintable():
        raise InvalidValue(f"{key} is not one line of printable text", remedy=f"leave control characters out of {key}")
    return value.strip()


def _seconds(body: Mapping[str, Any], key: str, usual: float, least: float, most: float) -> float:
    value = body.get(key)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidValue(f"{key} is {value!r}", remedy=f"use {least:g} to {most:g} seconds", code=f"invalid_{key}")
    return float(value)
