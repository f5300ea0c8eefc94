"""One client's watch, from its first byte to its end: the state or what it missed, then each change."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator

from .catalog import Changes
from .connection import Connection
from .frames import SLICE, current, frame_of, resync, state
from .members import Registered
from .query import Filter
from .view import View
from .watchers import ALL


class Watch:
    """A watch of ``service`` (or ALL) with a filter, over one connection."""

    def __init__(self, view: View, service: str, wanted: Filter, connection: Connection) -> None:
        self._view, self._service, self._wanted, self._connection = view, service, wanted, connection
        self._position = 0  # in the history: what came after it is still to be sent

    async def run(self, last: int | None) -> None:
        """Send until the client is gone. ``last``: the id of the last event that it has seen, None: it has none."""
        pieces = self._first(last)
        while await self._send(pieces):
            missed = self._view.history.after(self._position)
            if missed is None:
                pieces = self._again()
            elif missed:
                self._position = self._view.history.position
                pieces = _sliced(self._frames(missed))
            elif not await self._live():
                return
            else:
                pieces = self._again()

    async def _live(self) -> bool:
        """Have changes sent as they happen; True: the client fell behind, False: it is gone."""
        hub, closed = self._view.hub, self._connection.closed
        watcher = hub.join(self._service, self._wanted, self._connection)
        try:
            await asyncio.wait((watcher.lost, closed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            hub.leave(self._service, self._wanted, watcher)
        return not closed.done()

    async def _send(self, pieces: Iterable[bytes]) -> bool:
        for piece in pieces:
            if piece and not await self._connection.send(piece):
                return False
        return not self._connection.closed.done()

    def _first(self, last: int | None) -> Iterator[bytes]:
        if last is None:
            return self._state()
        missed = self._view.history.since(last) if last <= self._view.catalog.revision else None
        if missed is None:
            return self._again()
        self._position = self._view.history.position
        return itertools.chain(_sliced(self._frames(missed)), self._current(len(self._present())))

    def _again(self) -> Iterator[bytes]:
        yield resync(self._service)
        yield from self._state()

    def _state(self) -> Iterator[bytes]:
        self._position = self._view.history.position
        present = self._present()
        ending = next(self._current(len(present)))
        yield from state(present)
        yield ending

    def _current(self, count: int) -> Iterator[bytes]:
        ident = self._view.ident or str(self._view.catalog.revision)
        yield current(self._view.catalog, self._services(), count, ident, one=self._service != ALL)

    def _services(self) -> list[str]:
        return [self._service] if self._service else self._view.catalog.services()

    def _present(self) -> list[Registered]:
        catalog = self._view.catalog
        return [each for service in self._services() for each in catalog.members(service).select(self._wanted)]

    def _frames(self, changes: Changes) -> bytes:
        mine = [change for change in changes if self._service in (ALL, change.service)]
        one, ident = self._service != ALL, self._view.ident
        return b"".join(frame_of(change, self._wanted, one=one, ident=ident) for change in mine)


def _sliced(data: bytes) -> Iterator[bytes]:
    return (data[at : at + SLICE] for at in range(0, len(data), SLICE))
