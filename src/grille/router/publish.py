"""The router's acknowledgement in the store: the revision that HAProxy reflects, and the sessions on drains.

It lives under the daemon's own lease and is left there when the daemon stops: for the second that its successor
needs, agents wait for a word instead of taking the router for gone. The successor writes it under its own lease.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import structlog

from ..codec import encode
from ..store import USUAL_TTL, Lease, Store
from ..wire import keys
from ..wire.errors import GrilleError
from ..wire.routing import RouterStatus

log = structlog.get_logger()
PACE = 0.05  # seconds between two writes, at least
RETRY = 0.5
MOST_REFUSED = 200  # reasons in one status; the daemon's own API has all


@dataclass(frozen=True)
class Report:
    """What there is to say."""

    revision: int
    pid: int
    drains: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    handovers: int = 0
    handover: str = ""


class Publisher:
    """Writes the newest report, when it says something new."""

    def __init__(self, store: Store, host: str) -> None:
        self._store, self._host = store, host
        self._lease = Lease(store, USUAL_TTL, self._renewed)
        self._latest: Report | None = None
        self._written: Report | None = None
        self._news = asyncio.Event()

    @property
    def latest(self) -> Report | None:
        """The newest report offered; None while HAProxy is away."""
        return self._latest

    def offer(self, report: Report | None) -> None:
        """Let ``report`` be published; None takes the status out of the store: HAProxy is away."""
        self._latest = report
        if report != self._written:
            self._news.set()

    async def run(self) -> None:
        """The loop; never returns."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lease.run())
            tasks.create_task(self._publish())

    async def _renewed(self, lease: int) -> None:
        self._written = None
        self._news.set()

    async def _publish(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            lease = await self._lease.ready()
            report = self._latest
            if report == self._written:
                continue
            try:
                await self._write(report, lease)
            except GrilleError as error:  # no member answers, or the lease has just ended
                log.info("status not published", error=error.message)
                self._news.set()
                await asyncio.sleep(RETRY)
            await asyncio.sleep(PACE)

    async def _write(self, report: Report | None, lease: int) -> None:
        key = keys.router(self._host)
        if report is None:
            await self._store.delete(key)
        else:
            status = RouterStatus(
                id=self._host,
                host=self._host,
                revision=report.revision,
                updated=time.time(),
                pid=report.pid,
                drains=report.drains,
                refused=dict(sorted(report.refused.items())[:MOST_REFUSED]),
                handovers=report.handovers,
                handover=report.handover,
            )
            await self._store.put(key, encode(status), lease=lease)
        self._written = report
