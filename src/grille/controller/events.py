"""Events for users: what changed, by kind, with the fields that name and tell it; never an environment."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from ..codec import plain
from ..wire.routing import RouterStatus
from .records import Changed

ALIVE = 15.0  # seconds between signs of life
BACKLOG = 2000  # events that a slow reader may be behind before its stream is ended
FIELDS: dict[str, tuple[str, ...]] = {
    "app": ("name", "last_release", "destroying"),
    "release": ("app", "version", "description", "created"),
    "formation": ("app", "release", "processes"),
    "ticket": ("id", "queue", "app", "state", "attempts", "job", "host", "reason", "code"),
    "certificate": ("id", "domains", "source", "state", "reason", "not_after"),
    "host": ("host", "address", "url"),
}
MADE = ("job", "route", "routing")  # what ``project`` makes of several records, or leaves things out of
Item = tuple[str, object, str]


def project(table: str, record: Any) -> dict[str, Any] | None:
    """What an event shows of a record; None when there is none."""
    if record is None:
        return None
    if table == "job":
        spec, status = record.spec, record.status
        named = {name: getattr(spec, name) for name in ("id", "host", "app", "process", "release", "kind", "desired")}
        told = {"state": status.state, "reason": status.reason, "address": status.address} if status else {}
        return {**named, "state": "pending", **told}
    if table == "route":
        return {name: value for name, value in plain(record).items() if name != "created"}
    if table == "routing":
        pages = {name: _digest(getattr(record, name)) for name in ("error_page", "maintenance_page")}
        return {"app": record.app, "maintenance": record.maintenance, **pages}
    return {name: plain(getattr(record, name)) for name in FIELDS[table]}


def _digest(page: str) -> str:
    """What tells one page from another; empty for none."""
    return hashlib.sha256(page.encode()).hexdigest() if page else ""


def _handover(before: RouterStatus | None, after: RouterStatus | None) -> tuple[str, dict[str, Any]] | None:
    """The event for a router whose HAProxy was followed by one with other pools."""
    if before is None or after is None or after.handovers <= before.handovers:
        return None
    told = {"router": after.id, "host": after.host, "reason": after.handover, "handovers": after.handovers}
    return "router.handover", told


def event(change: Changed) -> tuple[str, dict[str, Any]] | None:
    """The event for a change: (type, data); None when users would see no difference."""
    if change.table == "router":
        return _handover(change.before, change.after)
    if change.table not in FIELDS and change.table not in MADE:
        return None
    before, after = project(change.table, change.before), project(change.table, change.after)
    if before == after:
        return None
    shown = after or before or {}
    return change.table, {"change": "set" if after else "deleted", **shown}


class Hub:
    """Hands events to all who listen."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[Item]] = set()

    def publish(self, change: Changed, revision: int) -> None:
        """Hand the change's event to every reader; a reader too far behind is dropped."""
        found = event(change) if self._readers else None
        if found is None:
            return
        for queue in list(self._readers):
            try:
                queue.put_nowait((found[0], found[1], str(revision)))
            except asyncio.QueueFull:
                self._readers.discard(queue)

    async def stream(self, app: str, revision: int) -> AsyncIterator[Item]:
        """Events from now on (``ready`` first), those of one app when ``app`` is given."""
        queue: asyncio.Queue[Item] = asyncio.Queue(BACKLOG)
        self._readers.add(queue)
        try:
            yield "ready", {"revision": revision}, str(revision)
            while queue in self._readers or not queue.empty():
                item: Item = ("", {}, "")
                with suppress(TimeoutError):
                    item = await asyncio.wait_for(queue.get(), ALIVE)
                if not (app and item[0]) or _about(item[1]) == app:
                    yield item
        finally:
            self._readers.discard(queue)


def _about(data: object) -> object:
    return data.get("app", data.get("name")) if isinstance(data, dict) else None
