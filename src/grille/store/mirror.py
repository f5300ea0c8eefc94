"""A local copy of a range of the store, kept in step by a watch: what level-triggered loops read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from ..wire.errors import Unavailable
from . import protocol
from .client import Store
from .protocol import Entry, Event, WatchLine

log = structlog.get_logger()
RETRY = 0.2  # seconds before a watch that failed is tried again
Listener = Callable[[list[Event], int], None]


class Mirror:
    """Entries between ``start`` and ``end`` (default: all that start with ``start``), and their revision.

    ``run()`` is its loop and never returns. ``entries`` must not be changed by readers. ``revision`` is the store's
    at the newest change (or listing) seen: every change of this range up to it is in ``entries``.
    ``since`` is when the store was last heard of (monotonic seconds), 0 before the first listing.
    """

    def __init__(self, store: Store, start: str, end: str | None = None) -> None:
        self._store, self.start, self.end = store, start, end or protocol.prefix_end(start)
        self.entries: dict[str, Entry] = {}
        self.revision = 0
        self.connected = False
        self.since = 0.0
        self._changed = asyncio.Condition()
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call ``listener(events, revision)`` after each batch; a re-listing arrives as the events it amounts to."""
        self._listeners.append(listener)

    def age(self) -> float:
        """Seconds since the store was last heard of; 0 while the watch stands."""
        return 0.0 if self.connected else time.monotonic() - self.since

    async def ready(self) -> None:
        """Wait for the first listing."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.revision > 0)

    async def wait(self, after: int, timeout: float | None = None) -> int:
        """Wait until the revision is above ``after``, or ``timeout`` seconds; the revision."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: self.revision > after)
        except TimeoutError:
            pass
        return self.revision

    async def run(self) -> None:
        """List, watch, apply; again whenever the watch fails. Never returns."""
        listed = False
        while True:
            try:
                if not listed:
                    await self._list()
                    listed = True
                listed = await self._follow()
            except Unavailable as error:
                log.info("store watch interrupted", start=self.start, error=error.message)
            finally:
                self._disconnected()
            await asyncio.sleep(RETRY)

    def _disconnected(self) -> None:
        if self.connected:
            self.connected = False
            self.since = time.monotonic()

    async def _list(self) -> None:
        listing = await self._store.list(self.start, self.end)
        gone = [
            Event("delete", Entry(key, b"", 0, listing.revision, 0))
            for key in self.entries.keys() - listing.entries.keys()
        ]
        changed = [
            Event("put", entry)
            for key, entry in listing.entries.items()
            if key not in self.entries or self.entries[key].mod_revision != entry.mod_revision
        ]
        await self._apply(gone + changed, listing.revision)

    async def _follow(self) -> bool:
        """Apply a watch's lines; False when its start was compacted away (list again)."""
        async for line in self._store.watch(self.start, self.end, self.revision + 1):
            if line.compacted:
                log.info("store compacted, listing again", start=self.start, compacted=line.compacted)
                return False
            if line.canceled:
                return True
            self.connected = True
            self.since = time.monotonic()
            await self._line(line)
        return True

    async def _line(self, line: WatchLine) -> None:
        # The header of the line that opens a watch may be ahead of events still to come: only events count.
        if line.events:
            await self._apply(line.events, line.events[-1].entry.mod_revision)

    async def _apply(self, events: list[Event], revision: int) -> None:
        for event in events:
            if event.kind == "put":
                self.entries[event.entry.key] = event.entry
            else:
                self.entries.pop(event.entry.key, None)
        self.since = time.monotonic()
        async with self._changed:
            self.revision = max(self.revision, revision)
            self._changed.notify_all()
        for listener in self._listeners:
            listener(events, self.revision)
