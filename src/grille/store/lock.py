"""Mutual exclusion for daemons: those who want a lock queue up, the oldest holds it.

Its keys and records are those of operators' locks (``wire.configuration.Lock``), so that the two exclude each other.
"""

from __future__ import annotations

import asyncio
import secrets
import time

from .. import codec
from ..wire import configuration, keys
from ..wire.errors import GrilleError, TimedOut
from .candidate import Candidate
from .client import Store
from .protocol import Check

POLL = 0.5  # seconds after which a waiter looks at its lease again


class Lock:
    """The lock ``name``, held inside ``async with``; enter it once.

    Writes that must not happen without the lock carry ``fence()`` among their checks: a holder that was frozen for
    longer than its lease lives has lost the lock without knowing it, and then writes nothing.

    Args:
        owner: who wants it, for those who look.
        reason: what for.
        ttl: seconds after which a holder that died loses it. A living one keeps it as long as it likes.
        timeout: seconds to wait for it; None: for ever.
    Raises:
        TimedOut: on entry, when it was not had within ``timeout`` seconds.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        owner: str,
        *,
        reason: str = "",
        ttl: float = 10.0,
        timeout: float | None = None,
    ) -> None:
        self._name, self._timeout = name, timeout
        ident, now = secrets.token_hex(8), time.time()
        record = configuration.Lock(name=name, id=ident, owner=owner, reason=reason, created=now, expires=now + ttl)
        self._candidate = Candidate(store, f"{keys.LOCKS}{name}/", ident, codec.encode(record), ttl=ttl)
        self._fence: Check | None = None
        self._loop: asyncio.Task[None] | None = None

    def held(self) -> bool:
        """Whether this process holds the lock, by the store's order and its own lease's clock."""
        return self._fence is not None and self._candidate.is_first() and self._candidate.fence() == self._fence

    def fence(self) -> Check:
        """The check that holds only as long as the lock is held since it was had. RuntimeError outside of it."""
        if self._fence is None:
            raise RuntimeError(f"the lock {self._name!r} is not held")
        return self._fence

    async def __aenter__(self) -> Lock:
        self._loop = asyncio.create_task(self._candidate.run())
        try:
            async with asyncio.timeout(self._timeout):
                await self._turn(self._loop)
        except TimeoutError:
            holder = self._holder()
            await self._leave()
            raise TimedOut(
                f"the lock {self._name!r} was not free within {self._timeout} s: {holder}", remedy="try again later"
            ) from None
        except BaseException:
            await self._leave()
            raise
        self._candidate.standing = False
        self._fence = self._candidate.fence()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._leave()

    async def _turn(self, loop: asyncio.Task[None]) -> None:
        mirror = self._candidate.mirror
        while not self._candidate.is_first():
            if loop.done():
                await loop
            await mirror.wait(mirror.revision, POLL)

    def _holder(self) -> str:
        first = self._candidate.first()
        if first is None:
            return "the store does not answer"
        try:
            return f"{codec.decode(configuration.Lock, first.value).owner} holds it"
        except GrilleError:
            return f"{first.key} holds it"

    async def _leave(self) -> None:
        self._fence = None
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop = None
