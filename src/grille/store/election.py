"""Election by the oldest key: candidates put a key under their lease, the lowest create revision leads.

The recipe is etcd's own (``clientv3/concurrency``). ``fence`` goes into the checks of a leader's writes, so that
one deposed without knowing it writes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from ..wire import keys
from .client import Store
from .lease import Lease
from .mirror import Mirror
from .protocol import Check, Entry

log = structlog.get_logger()


class Election:
    """One candidate of the election ``name``.

    Args:
        identity: names the candidate, the same after its restart: a key of its former life is replaced, so that
            a restarted leader need not outwait its own old lease.
        ttl: seconds after which a leader that died is replaced.
    """

    def __init__(self, store: Store, name: str, identity: str, *, ttl: float = 5.0) -> None:
        self._store, self._identity = store, identity
        self._prefix = f"{keys.ELECTION}{name}/"
        self._key = self._prefix + identity
        self._mirror = Mirror(store, self._prefix)
        self._lease = Lease(store, ttl, self._stand)

    @property
    def leader(self) -> str:
        """The identity of the present leader, or an empty string."""
        first = self._first()
        return first.key[len(self._prefix) :] if first else ""

    def leads(self) -> bool:
        """Whether this candidate leads, by the store's order and its own lease's clock."""
        first = self._first()
        return first is not None and first.key == self._key and first.lease == self._lease.id and self._lease.alive()

    def fence(self) -> Check:
        """The check that holds only while this candidate's key stands as it was when it was elected."""
        first = self._first()
        mine = first if first is not None and first.key == self._key else None
        return Check(self._key, mine.mod_revision if mine else -1)

    async def changed(self, timeout: float) -> None:
        """Wait for a change among the candidates, or ``timeout`` seconds."""
        await self._mirror.wait(self._mirror.revision, timeout)

    async def run(self) -> None:
        """Stand for election and follow it; resigns when cancelled."""
        try:
            await asyncio.gather(self._mirror.run(), self._lease.run())
        finally:
            with contextlib.suppress(Exception):
                await asyncio.shield(self._lease.end())

    def _first(self) -> Entry | None:
        return min(self._mirror.entries.values(), key=lambda entry: entry.create_revision, default=None)

    async def _stand(self, lease: int) -> None:
        await self._store.put(self._key, self._identity.encode(), lease=lease)
        log.info("standing for election", election=self._prefix, identity=self._identity)
