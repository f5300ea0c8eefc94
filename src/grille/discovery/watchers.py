"""Clients that watch: an event is encoded once for all who watch the same, and written to each straight away.

A client that does not take what it is sent is *lost*: it leaves its channel, is told ``resync`` when it reads again,
and has the whole state sent. What waits for it in the meantime is bounded.
"""

from __future__ import annotations

import asyncio

from .catalog import Changes
from .connection import Connection, chunk
from .frames import ALIVE, frame_of
from .query import Filter

ALL = ""  # the service of those who watch all services
TICKS = 15  # seconds between signs of life to one client
BUDGET = 64 * 1024 * 1024  # bytes that may wait for all clients together
LEAST, MOST = 16 * 1024, 256 * 1024  # bytes that may wait for one


class Watcher:
    """One client in its channel. ``lost`` is done when it fell behind."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting, self._since = 0, 0

    def stuck(self) -> bool:
        """Asked each TICKS seconds: whether it took nothing of what waited twice before."""
        now = self.connection.buffered
        self._since = self._since + 1 if now and now >= self._waiting else 0
        self._waiting = now
        return self._since > 2


class Channel:
    """All clients that watch the same service with the same filter."""

    def __init__(self, service: str, wanted: Filter) -> None:
        self.service, self.wanted = service, wanted
        self.watchers: set[Watcher] = set()

    def frames(self, changes: Changes, ident: str = "") -> bytes:
        """What its clients are told of ``changes``."""
        return b"".join(frame_of(change, self.wanted, one=self.service != ALL, ident=ident) for change in changes)

    def write(self, data: bytes, limit: int) -> None:
        """Send ``data`` to all; those for whom more than ``limit`` bytes wait then are lost."""
        chunked = chunk(data)
        for watcher in list(self.watchers):
            connection = watcher.connection
            if connection.write(chunked if connection.chunked else data) > limit:
                self.watchers.discard(watcher)
                watcher.lost.set_result(None)


class Hub:
    """All channels, by service and filter."""

    def __init__(self) -> None:
        self._channels: dict[str, dict[Filter, Channel]] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._count = 0

    def join(self, service: str, wanted: Filter, connection: Connection) -> Watcher:
        """Send changes of ``service`` (or ALL) to ``connection`` from now on, until ``leave``."""
        channels = self._channels.setdefault(service, {})
        channel = channels.setdefault(wanted, Channel(service, wanted))
        watcher = Watcher(connection)
        channel.watchers.add(watcher)
        self._count += 1
        return watcher

    def leave(self, service: str, wanted: Filter, watcher: Watcher) -> None:
        """Send nothing more to ``watcher``."""
        self._count -= 1
        channels = self._channels[service]
        channels[wanted].watchers.discard(watcher)
        if not channels[wanted].watchers:
            del channels[wanted]
        if not channels:
            del self._channels[service]

    async def change(self, service: str, timeout: float, closed: asyncio.Future[None]) -> None:
        """Wait for the next change of ``service``, at most ``timeout`` seconds, or until ``closed``."""
        woken = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(service, set()).add(woken)
        try:
            await asyncio.wait((woken, closed), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting = self._waiting.get(service, set())
            waiting.discard(woken)
            if not waiting:
                self._waiting.pop(service, None)

    def publish(self, changes: Changes, ident: str = "") -> None:
        """Tell all whom ``changes`` concern. ``ident``: instead of the changes' revisions."""
        services: dict[str, Changes] = {}
        for change in changes:
            services.setdefault(change.service, []).append(change)
        for service, own in services.items():
            self._tell(service, own, ident)
            for woken in self._waiting.get(service, ()):
                if not woken.done():
                    woken.set_result(None)
        self._tell(ALL, changes, ident)

    def _tell(self, service: str, changes: Changes, ident: str) -> None:
        for channel in list(self._channels.get(service, {}).values()):
            data = channel.frames(changes, ident)
            if data:
                channel.write(data, self._limit)

    @property
    def _limit(self) -> int:
        return max(LEAST, min(MOST, BUDGET // max(1, self._count)))

    async def run(self) -> None:
        """Send signs of life, to a share of the clients each second; cut those that take nothing. Never returns."""
        turn = 0
        while True:
            await asyncio.sleep(1)
            turn = (turn + 1) % TICKS
            watchers = [
                watcher for each in self._channels.values() for one in each.values() for watcher in one.watchers
            ]
            for watcher in watchers:
                if id(watcher) // 64 % TICKS == turn:
                    self._alive(watcher)

    def _alive(self, watcher: Watcher) -> None:
        if watcher.stuck():
            watcher.connection.cut()
        else:
            watcher.connection.write(watcher.connection.framed(ALIVE))
