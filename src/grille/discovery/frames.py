"""Changes and states as server-sent events (WHATWG HTML, 9.2): pure.

A client's ``Last-Event-ID`` must never promise more than it has seen. So the instances of a state have no id, the
event ``current`` that ends the state has one, and ``resync`` sets the id to 0, from which nothing is resumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..codec import encode
from .catalog import Altered, Catalog, Change, Led
from .members import Registered
from .query import Filter

ALIVE = b": alive\n\n"
SLICE = 64 * 1024  # bytes of a state that are written at once


def frame(name: str, data: bytes, ident: str = "") -> bytes:
    """One event."""
    head = f"event: {name}\nid: {ident}\ndata: " if ident else f"event: {name}\ndata: "
    return b"%b%b\n\n" % (head.encode(), data)


def frame_of(change: Change | Led | Altered, wanted: Filter, *, one: bool, ident: str = "") -> bytes:
    """What those who want ``wanted`` are told of ``change``; empty: nothing.

    Args:
        one: they watch one service; those who watch all are told whose leader it is.
        ident: instead of the change's revision.
    """
    ident = ident or str(change.revision)
    if isinstance(change, Led):
        return frame("leader", _led(change.service, change.leader, one), ident)
    if isinstance(change, Altered):
        return b""
    before = wanted.wants(change.before.instance if change.before else None)
    if change.after and wanted.wants(change.after.instance):
        return frame("update" if before else "up", change.after.body, ident)
    return frame("down", change.before.body, ident) if before and change.before else b""


def _led(service: str, leader: Registered | None, one: bool) -> bytes:
    body = leader.body if leader else b"null"
    return body if one else b'{"service":"%b","leader":%b}' % (service.encode(), body)


def resync(service: str) -> bytes:
    """Tells a client to forget all: the state follows."""
    return frame("resync", encode({"service": service}), "0")


def state(found: Iterable[Registered]) -> Iterator[bytes]:
    """The events for what is present, in slices of about SLICE bytes."""
    frames: list[bytes] = []
    size = 0
    for each in found:
        frames.append(frame("up", each.body))
        size += len(frames[-1])
        if size >= SLICE:
            yield b"".join(frames)
            frames, size = [], 0
    if frames:
        yield b"".join(frames)


def current(catalog: Catalog, services: Iterable[str], count: int, ident: str, *, one: bool) -> bytes:
    """The end of a state: ``current``, and who leads each of ``services``."""
    frames = [frame("current", encode({"revision": catalog.revision, "instances": count}), ident)]
    for service in services:
        leader = catalog.leading(service)
        if leader:
            frames.append(frame("leader", _led(service, leader, one), ident))
    return b"".join(frames)
