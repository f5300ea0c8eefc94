"""Operators' locks in the store, whichever controller is asked: everybody queues, the first in the queue holds.

The recipe is that of ``store/candidate.py``: the lowest create revision among the keys of a name is first. One that
waits has a short lease, kept alive while its request stands; the holder's has the time limit as its TTL, and nobody
keeps that one alive.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import structlog

from ..codec import encode
from ..store import Mirror, Store
from ..wire import keys
from ..wire.configuration import Lock
from ..wire.errors import Conflict, GrilleError, NotFound
from .changes import locks
from .changes.locks import Held, Place, Wish

log = structlog.get_logger()
WAITING_TTL = 15.0  # seconds in which one that waits must ask again
BEAT = WAITING_TTL / 3
LOOK = 0.05  # seconds, at least, between two looks at the queue


class Locks:
    """The locks of the grid.

    Args:
        mirror: of the whole store; only its news are used, who holds is always read from the store itself.
    """

    def __init__(self, store: Store, mirror: Mirror) -> None:
        self._store, self._mirror = store, mirror

    async def all(self) -> dict[str, list[Place]]:
        """The queues of all locks that somebody holds."""
        return locks.by_name((await self._store.list(keys.LOCKS)).entries.values())

    async def queue(self, name: str) -> list[Place]:
        """The queue of one lock, the holder first. A holder whose time is over is sent away."""
        prefix = keys.lock(name, "")
        while True:
            places = locks.queue((await self._store.list(prefix)).entries.values())
            late = locks.overdue(places, time.time())
            if late is None:
                return places
            log.warning("lock ended by its limit", lock=name, owner=late.lock.owner)
            await self._end(late)

    async def take(self, wish: Wish, connected: Callable[[], bool]) -> Held | list[Place]:
        """The lock; the queue when others held it all the time.

        With ``wish.wait`` 0 no place in the queue is kept; else it is for 15 s, in which the client may ask again.

        Args:
            connected: whether the client is still there: nobody is given a lock without knowing it.
        Raises:
            Unavailable: the store does not answer.
        """
        until = time.monotonic() + wish.wait
        while True:
            places = await self.queue(wish.name)
            mine = locks.place_of(places, wish.id)
            left = until - time.monotonic()
            if not connected():
                return places
            if mine is None:
                if places and not wish.wait:
                    return places
                await self._enter(wish)
            elif mine == places[0]:
                with suppress(Conflict):  # its lease has just run out
                    return await self._hold(mine, wish)
            elif left > 0:
                await self._wait(places, mine, left)
            else:
                return await self._leave_or_stay(places, mine, wish)

    async def release(self, name: str, ident: str) -> Lock:
        """End a place; the lock that it was. Raises NotFound."""
        return await self._drop(name, locks.place_of(await self.queue(name), ident))

    async def force(self, name: str, holder: str) -> Lock:
        """End the holder's place, whoever asks; the lock that it was.

        Args:
            holder: how the holder's id must begin; empty: whoever holds the lock.
        Raises:
            NotFound: nobody holds it. Conflict: somebody else does by now.
        """
        places = await self.queue(name)
        if places and not places[0].lock.id.startswith(holder):
            raise Conflict(
                f"lock {name!r} is held by {places[0].lock.owner!r} by now", remedy="look again", code="lock_moved_on"
            )
        return await self._drop(name, places[0] if places else None)

    async def _drop(self, name: str, place: Place | None) -> Lock:
        if place is None:
            raise NotFound(
                f"lock {name!r} is not held", remedy="it was released, broken, or its time is over", code="unknown_lock"
            )
        await self._end(place)
        return place.lock

    async def _end(self, place: Place) -> None:
        await self._store.delete(place.entry.key)
        await self._forget(place.entry.lease)

    async def _enter(self, wish: Wish) -> None:
        """Go to the end of the queue."""
        now = time.time()
        lease = await self._store.grant(WAITING_TTL)
        made = Lock(
            name=wish.name, id=wish.id, owner=wish.owner, reason=wish.reason, created=now, expires=now + WAITING_TTL
        )
        if not await self._store.create(keys.lock(wish.name, wish.id), encode(made), lease=lease):
            await self._forget(lease)

    async def _hold(self, place: Place, wish: Wish) -> Held:
        """Put the first place under a lease of the time limit; raises Conflict when it is gone or was changed."""
        now = time.time()
        since = place.lock.since or now
        lock = replace(place.lock, owner=wish.owner, reason=wish.reason, since=since, expires=now + wish.ttl)
        lease = await self._store.grant(wish.ttl)
        try:
            await self._store.put(place.entry.key, encode(lock), lease=lease, expect=place.entry.mod_revision)
        except Conflict:
            await self._forget(lease)
            raise
        await self._forget(place.entry.lease)
        return Held(lock, changed=not place.lock.since)

    async def _wait(self, places: list[Place], mine: Place, left: float) -> None:
        """Keep a place in the queue until somebody ahead is gone, or it is time to look again."""
        await self._store.keepalive(mine.entry.lease)
        ahead = [place.entry.key for place in places[: places.index(mine)]]
        end = time.monotonic() + min(left, BEAT)
        await asyncio.sleep(min(left, LOOK))
        while all(key in self._mirror.entries for key in ahead) and (left := end - time.monotonic()) > 0:
            await self._mirror.wait(self._mirror.revision, left)

    async def _leave_or_stay(self, places: list[Place], mine: Place, wish: Wish) -> list[Place]:
        if wish.wait:
            await self._store.keepalive(mine.entry.lease)
            return places
        await self._end(mine)
        return [place for place in places if place != mine]

    async def _forget(self, lease: int) -> None:
        """Revoke a lease that no key needs any more; one that stays by mistake runs out by itself."""
        if lease:
            with suppress(GrilleError):
                await self._store.revoke(lease)
