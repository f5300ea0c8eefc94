"""A lease kept alive: what a brick's presence in the store hangs on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from ..wire.errors import Unavailable
from .client import Store

log = structlog.get_logger()
USUAL_TTL = 15.0  # seconds: an etcd leader frozen for 10 s finds such leases alive as it wakes, and revokes none
SHARE = 1 / 5  # of its TTL, after which a lease is kept alive again
RETRY = 0.5  # seconds between tries while the store does not answer


class Lease:
    """One lease, granted when first needed and kept by ``run()``.

    Args:
        ttl: seconds that the lease lives without a keepalive.
        renewed: awaited after each grant, the first too, to write what lives under the lease (again).
        resume: the id of a lease of an earlier life, kept if it still lives (``renewed`` is awaited then too).
    """

    def __init__(
        self,
        store: Store,
        ttl: float,
        renewed: Callable[[int], Awaitable[None]] | None = None,
        *,
        resume: int = 0,
    ) -> None:
        self._store, self.ttl, self._renewed, self._resume = store, ttl, renewed, resume
        self.id = 0
        self.heard = 0.0  # when the store last confirmed it, monotonic seconds
        self._granted = asyncio.Event()
        self._told = 0  # the lease that ``renewed`` is done with

    async def ready(self) -> int:
        """Wait for the lease; its id."""
        await self._granted.wait()
        return self.id

    def alive(self) -> bool:
        """Whether the store must still hold the lease, by this process's clock."""
        return self.id != 0 and time.monotonic() - self.heard < self.ttl

    async def run(self) -> None:
        """Grant, keep alive each fifth of the TTL, grant anew when it is gone. Never returns."""
        while True:
            try:
                pause = await self._turn()
            except Unavailable as error:
                log.info("lease not refreshed", lease=self.id, error=error.message)
                pause = RETRY
            await asyncio.sleep(pause)

    async def end(self) -> None:
        """Revoke the lease, so that what lives under it goes at once."""
        ident, self.id = self.id, 0
        self._granted.clear()
        if ident:
            await self._store.revoke(ident)

    async def _turn(self) -> float:
        asked = time.monotonic()
        candidate = self.id or self._resume
        if not candidate or not await self._store.keepalive(candidate):
            candidate = await self._store.grant(self.ttl)
        self.id, self.heard, self._resume = candidate, asked, 0
        self._granted.set()
        if self._renewed is not None and self._told != candidate:
            await self._renewed(candidate)
            self._told = candidate
        return self.ttl * SHARE
