"""Which deletes a mirror holds back: those of entries whose lease died because the store was away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from ..wire.errors import Unavailable
from .client import Store
from .lease import USUAL_TTL
from .protocol import Entry, Event

USUAL_GRACE = 2 * USUAL_TTL  # seconds
AWAY = 0.1  # of the grace: so long an absence of the store may have cost a lease its keepalives
SHORT = 2.0  # seconds of silence that are never an absence: a watch is heard each second


class Grace:
    """The deletes held back. Nothing is ever held with ``seconds`` 0.

    Args:
        seconds: how long after the store's return owners of leases have time to put their keys again.
    """

    def __init__(self, store: Store, seconds: float) -> None:
        self._store, self._seconds = store, seconds
        self._until = 0.0
        self._held: set[str] = set()

    def heard(self, silence: float) -> None:
        """The store was heard of after ``silence`` seconds; a long one begins the grace (anew)."""
        if self._seconds and silence >= max(SHORT, self._seconds * AWAY):
            self._until = time.monotonic() + self._seconds

    async def sift(self, events: Sequence[Event], entries: Mapping[str, Entry]) -> list[Event]:
        """The events to apply now to ``entries``. The rest, deletes of what a dead lease held, are held back."""
        leases = _leases(events, entries)
        gone = await self._gone(set(leases)) if time.monotonic() < self._until else set()
        passed = []
        for event, lease in zip(events, leases, strict=True):
            key = event.entry.key
            if event.kind == "delete" and (key in self._held or lease in gone):
                self._held.add(key)
            else:
                self._held.discard(key)
                passed.append(event)
        return passed

    def due(self) -> list[str]:
        """The keys whose delete is to be applied now that the grace is over; they are held no more."""
        if not self._held or time.monotonic() < self._until:
            return []
        held, self._held = sorted(self._held), set()
        return held

    async def _gone(self, leases: set[int]) -> set[int]:
        """Those of ``leases`` that the store does not hold any more."""
        asked = sorted(leases - {0})
        lives = await asyncio.gather(*map(self._lives, asked))
        return {lease for lease, alive in zip(asked, lives, strict=True) if not alive}

    async def _lives(self, lease: int) -> bool:
        try:
            return await self._store.remaining(lease) > 0
        except Unavailable:
            return False  # the store is away again


def _leases(events: Sequence[Event], entries: Mapping[str, Entry]) -> list[int]:
    """For each event, the lease under which what it deletes was held; 0 for none, and for puts."""
    put = dict[str, int]()
    leases = []
    for event in events:
        key, known = event.entry.key, entries.get(event.entry.key)
        if event.kind == "put":
            put[key] = event.entry.lease
            leases.append(0)
        else:
            leases.append(put.pop(key, known.lease if known else 0))
    return leases
