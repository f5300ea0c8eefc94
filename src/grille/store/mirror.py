"""A local copy of a range of the store, kept in step by a watch: what level-triggered loops read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

import structlog

from ..wire.errors import Unavailable
from . import protocol
from .client import Store
from .grace import Grace
from .protocol import Entry, Event, WatchLine

log = structlog.get_logger()
RETRY = 0.2  # seconds before a watch that failed is tried again
Listener = Callable[[list[Event], int], None]


class Mirror:
    """Entries between ``start`` and ``end`` (default: all that start with ``start``), and their revision.

    ``run()`` is its loop and never returns. ``entries`` must not be changed by readers. ``revision`` is the store's
    at the newest change (or listing) seen: every change of this range up to it is in ``entries``, but for held ones.
    ``since`` is when the store was last heard of (monotonic seconds), 0 before the first listing.

    With a ``grace``, leases that died because the store was away reap nothing at once. When nothing was heard of the
    store for a tenth of the grace, 2 s at least (the watch was cut, or members were frozen), then for ``grace`` seconds
    after its return a delete, or an absence in a new listing, of an entry whose lease is gone is held back: the entry
    stays in ``entries``. If its key is put again meanwhile, that put arrives as any other and the delete never does.
    Otherwise the delete is applied when the grace is over and the store is being heard. A delete whose lease still
    lives is somebody's wish, and is applied at once.

    ``revision`` goes on while deletes are held: it may be beyond the revision of a delete that readers do not see
    yet. A delete that is applied late carries the mirror's revision of that moment, as one found by a listing does,
    so that listeners never see revisions go back; it does not raise ``revision`` and hence wakes no ``wait()``.

    Args:
        grace: seconds, two TTLs of the leases concerned, say; 0: nothing is held.
    """

    def __init__(self, store: Store, start: str, end: str | None = None, *, grace: float = 0.0) -> None:
        self._store, self.start, self.end = store, start, end or protocol.prefix_end(start)
        self.entries: dict[str, Entry] = {}
        self.revision = 0
        self.connected = False
        self.since = 0.0
        self._grace = Grace(store, grace)
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
                self.connected = False
            await asyncio.sleep(RETRY)

    async def _list(self) -> None:
        listing = await self._store.list(self.start, self.end)
        self._heard()
        gone = [
            Event("delete", Entry(key, b"", 0, listing.revision, 0))
            for key in self.entries.keys() - listing.entries.keys()
        ]
        changed = [
            Event("put", entry)
            for key, entry in listing.entries.items()
            if key not in self.entries or self.entries[key].mod_revision != entry.mod_revision
        ]
        await self._apply(await self._grace.sift(gone + changed, self.entries), listing.revision)

    async def _follow(self) -> bool:
        """Apply a watch's lines; False when its start was compacted away (list again)."""
        async with aclosing(self._store.watch(self.start, self.end, self.revision + 1)) as lines:
            async for line in lines:
                if line.compacted:
                    log.info("store compacted, listing again", start=self.start, compacted=line.compacted)
                    return False
                self._heard()
                self.connected = True
                await self._line(line)
        return True

    def _heard(self) -> None:
        now = time.monotonic()
        if self.since:
            self._grace.heard(now - self.since)
        self.since = now

    async def _line(self, line: WatchLine) -> None:
        # The header of the line that opens a watch may be ahead of events still to come: only events count.
        if line.events:
            events = await self._grace.sift(line.events, self.entries)
            await self._apply(events, line.events[-1].entry.mod_revision)
        late = [Event("delete", Entry(key, b"", 0, self.revision, 0)) for key in self._grace.due()]
        if late:
            await self._apply(late, self.revision)

    async def _apply(self, events: list[Event], revision: int) -> None:
        for event in events:
            if event.kind == "put":
                self.entries[event.entry.key] = event.entry
            else:
                self.entries.pop(event.entry.key, None)
        async with self._changed:
            self.revision = max(self.revision, revision)
            self._changed.notify_all()
        for listener in self._listeners:
            listener(events, self.revision)
