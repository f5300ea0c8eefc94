"""Status changes handed to whoever listens at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ..wire.specs import JobStatus

ALIVE = 15.0
BACKLOG = 1000


class Hub:
    """Broadcasts statuses; a listener that falls too far behind loses the oldest."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[JobStatus]] = set()
        self._count = 0

    def publish(self, status: JobStatus) -> None:
        """Hand ``status`` to all listeners."""
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(status)

    async def listen(self) -> AsyncIterator[tuple[str, object, str]]:
        """Events for an event stream: ``job`` with a status; an empty name now and then as a sign of life."""
        queue: asyncio.Queue[JobStatus] = asyncio.Queue(BACKLOG)
        self._queues.add(queue)
        try:
            yield "", None, ""
            while True:
                try:
                    async with asyncio.timeout(ALIVE):
                        status = await queue.get()
                except TimeoutError:
                    yield "", None, ""
                    continue
                self._count += 1
                yield "job", status, str(self._count)
        finally:
            self._queues.discard(queue)
