"""The oldest key is first: what election and locks stand on.

The recipe is etcd's own (``clientv3/concurrency``): each candidate puts a key under its lease below one prefix; the
key with the lowest create revision is first, until its owner deletes it or its lease dies.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from .client import Store
from .lease import Lease
from .mirror import Mirror
from .protocol import Check, Entry

log = structlog.get_logger()
NEVER = -1  # no key ever has this mod_revision


class Candidate:
    """One candidate below ``prefix``.

    Args:
        name: the key's last part; a candidate with the name of another takes its place.
        value: what the key holds.
        ttl: seconds after which a candidate that died is forgotten.
    """

    def __init__(self, store: Store, prefix: str, name: str, value: bytes, *, ttl: float) -> None:
        self._store, self._value = store, value
        self.key = prefix + name
        self.mirror = Mirror(store, prefix)
        self._lease = Lease(store, ttl, self._stand)
        self.standing = True  # whether a lost key is put again

    async def run(self) -> None:
        """Stand and follow the others; withdraws when cancelled."""
        try:
            await asyncio.gather(self.mirror.run(), self._lease.run())
        finally:
            with contextlib.suppress(Exception):
                await asyncio.shield(self._lease.end())

    def first(self) -> Entry | None:
        """The entry of the candidate that is first."""
        return min(self.mirror.entries.values(), key=lambda entry: entry.create_revision, default=None)

    def is_first(self) -> bool:
        """Whether this candidate is first, by the store's order and by its own lease's clock."""
        first = self.first()
        return first is not None and first.key == self.key and first.lease == self._lease.id and self._lease.alive()

    def fence(self) -> Check:
        """The check that holds only while this candidate's key stands as it does now, being first."""
        first = self.first()
        return Check(self.key, first.mod_revision if first is not None and first.key == self.key else NEVER)

    async def _stand(self, lease: int) -> None:
        if self.standing:
            await self._store.put(self.key, self._value, lease=lease)
            log.info("candidate stands", key=self.key)
