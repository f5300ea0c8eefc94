"""What the store's tests share: loops that run beside a test, writers, and records of what a mirror told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from grille.store import Event, Mirror, Store
from grille.wire.errors import Unavailable
from tests.support.etcd import Change


@contextlib.asynccontextmanager
async def running(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run ``loops`` until the block ends."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], object], timeout: float = 5.0) -> None:
    """Wait for ``condition``; TimeoutError after ``timeout`` seconds."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.02)


class Record:
    """The changes that a mirror told its listeners, in their order, and when."""

    def __init__(self, mirror: Mirror) -> None:
        self.changes: list[Change] = []
        self.times: list[float] = []
        mirror.listen(self._note)

    def _note(self, events: list[Event], revision: int) -> None:
        self.changes += [(event.kind, event.entry.key, event.entry.mod_revision) for event in events]
        self.times += [time.monotonic()] * len(events)

    def deleted(self, key: str) -> float:
        """When ``key`` was told deleted (monotonic seconds), 0: never."""
        told = zip(self.changes, self.times, strict=True)
        return next((when for (kind, name, _), when in told if (kind, name) == ("delete", key)), 0.0)


class Writer:
    """Writes a new key below ``prefix`` each ``pause`` seconds, going on when one fails."""

    def __init__(self, store: Store, prefix: str, pause: float) -> None:
        self._store, self._prefix, self._pause = store, prefix, pause
        self.done: list[float] = []
        self.failed = 0

    async def run(self) -> None:
        """Write without end."""
        number = 0
        while True:
            number += 1
            try:
                await self._store.put(f"{self._prefix}{number % 50}", str(number).encode())
                self.done.append(time.monotonic())
            except Unavailable:
                self.failed += 1
            await asyncio.sleep(self._pause)

    def longest_gap(self) -> float:
        """Seconds between the two successful writes that were farthest apart."""
        return max(after - before for before, after in zip(self.done, self.done[1:], strict=False))
