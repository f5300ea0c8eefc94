"""Clients that watch a service: each has a short queue of its own, and one that falls behind starts over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from ..wire.specs import Instance
from .catalog import Catalog, Change, Led
from .records import Filter

QUEUE_MOST = 1000  # events that a client may be behind
ALIVE = 15.0  # seconds of silence after which a sign of life is sent

ServerEvent = tuple[str, object, str]  # name, data, id


class Watcher:
    """One client. What it is sent is decided when it happens; ``lost`` means that its queue ran over."""

    def __init__(self, service: str, wanted: Filter) -> None:
        self.service, self.wanted = service, wanted
        self.lost = False
        self.queue: deque[ServerEvent] = deque()
        self._woken = asyncio.Event()

    def offer(self, change: Change | Led) -> None:
        """Queue what ``change`` means to this client, if anything."""
        event = event_of(change, self.wanted)
        if event is None or self.lost:
            return
        if len(self.queue) >= QUEUE_MOST:
            self.lost = True
            self.queue.clear()
        else:
            self.queue.append(event)
        self._woken.set()

    async def follow(self, catalog: Catalog) -> AsyncIterator[ServerEvent]:
        """The events to send, without end: the state, then each change; again after ``resync`` when it got lost."""
        while True:
            self.lost = False
            self.queue.clear()
            for event in state(catalog, self.service, self.wanted):
                yield event
            while not self.lost:
                if self.queue:
                    yield self.queue.popleft()
                elif not await self._wake():
                    yield "", None, ""
            yield "resync", {"service": self.service}, ""

    async def _wake(self) -> bool:
        """Wait for something to send; False when nothing came for ALIVE seconds."""
        self._woken.clear()
        try:
            async with asyncio.timeout(ALIVE):
                return await self._woken.wait()
        except TimeoutError:
            return False


def event_of(change: Change | Led, wanted: Filter) -> ServerEvent | None:
    """What a client that wants ``wanted`` is told of ``change``; None: nothing."""
    ident = str(change.revision)
    if isinstance(change, Led):
        return "leader", change.leader, ident
    before, after = wanted.wants(change.before), wanted.wants(change.after)
    if after:
        return "update" if before else "up", change.after, ident
    return ("down", change.before, ident) if before else None


def state(catalog: Catalog, service: str, wanted: Filter) -> list[ServerEvent]:
    """The events that tell a client the present state."""
    ident = str(catalog.revision)
    present: list[Instance] = [each for each in catalog.instances(service) if wanted.wants(each)]
    events: list[ServerEvent] = [("up", instance, ident) for instance in present]
    events.append(("current", {"revision": catalog.revision, "instances": len(present)}, ident))
    leader = catalog.leader(service)
    return [*events, ("leader", leader, ident)] if leader else events


class Hub:
    """All watchers, by service."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Watcher]] = {}

    def add(self, watcher: Watcher) -> None:
        """Offer changes of its service to ``watcher`` from now on."""
        self._watchers.setdefault(watcher.service, set()).add(watcher)

    def remove(self, watcher: Watcher) -> None:
        """Offer nothing more to ``watcher``."""
        watchers = self._watchers.get(watcher.service, set())
        watchers.discard(watcher)
        if not watchers:
            self._watchers.pop(watcher.service, None)

    def publish(self, changes: Iterable[Change | Led]) -> None:
        """Offer ``changes`` to those who watch their services."""
        for change in changes:
            for watcher in self._watchers.get(change.service, ()):
                watcher.offer(change)
