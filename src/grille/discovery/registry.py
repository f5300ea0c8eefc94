"""Registrations written to the store: one lease each, kept alive by the client's putting it again.

No state is kept here: which lease a registration has, the store says. So a client may put to any discoverd.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

import structlog

from ..codec import decode, encode
from ..service.http import not_found
from ..store import Entry, Store
from ..wire import keys
from ..wire.errors import Conflict, InvalidValue, NotFound, Unavailable
from ..wire.specs import Instance
from .records import Registration
from .view import View

log = structlog.get_logger()
TRIES = 3
SLACK = 10.0  # seconds that a lease held already may outlast the ttl asked for
OWN_WRITE = 1.0  # seconds to wait for one's own write to be seen by finds


@dataclass(frozen=True)
class Done:
    """What became of a registration: ``revision`` 0 means that nothing was written. ``lease`` 0: pending."""

    instance: Instance
    ttl: float
    new: bool
    revision: int
    lease: int


class Registry:
    """Writes registrations."""

    def __init__(self, store: Store, view: View) -> None:
        self._store, self._view = store, view

    async def register(self, service: str, ident: str, wanted: Registration, *, own: bool = False) -> Done:
        """Make the registration stand for ``wanted.ttl`` seconds more; writes only what differs.

        Args:
            own: put it under a new lease, whatever it was held by.
        Raises:
            Conflict: the instance is a job's, or others keep changing it. Unavailable: the store does not answer.
        """
        key = keys.instance(service, ident)
        entry = self._view.known(key)
        for _ in range(TRIES):
            present = foreign(decoded(entry)) if entry else None
            shown = present or foreign(
                self._view.catalog.get(service, ident)
            )  # its lease may have died: it keeps its age
            record = wanted.instance(service, ident, shown.created if shown else time.time())
            try:
                return await self._stand(key, record, wanted.ttl, entry, same=record == present and not own, own=own)
            except Conflict:
                entry = await self._store.get(key)
        raise Conflict(f"instance {ident!r} of {service!r} is being changed by others", remedy="try again")

    async def deregister(self, service: str, ident: str) -> int:
        """Remove the registration; the revision. Raises NotFound, or Conflict when it is a job's."""
        key = keys.instance(service, ident)
        entry = await self._store.get(key)
        if entry is None:
            raise not_found("instance", ident)
        foreign(decoded(entry))
        revision = await self._store.delete(key, expect=entry.mod_revision)
        if entry.lease:
            with contextlib.suppress(Unavailable):  # it ends by itself then
                await self._store.revoke(entry.lease)
        log.info("deregistered", service=service, instance=ident)
        await self._view.mirror.wait(revision - 1, OWN_WRITE)
        return revision

    async def keep(self, lease: int) -> bool:
        """Refresh ``lease``; whether it lives."""
        return await self._store.keepalive(lease) > 0

    def holds(self, service: str, ident: str, lease: int) -> bool:
        """Whether the registration is under ``lease``, as far as is known."""
        entry = self._view.known(keys.instance(service, ident))
        return entry is not None and entry.lease == lease

    async def _stand(
        self, key: str, record: Instance, ttl: float, entry: Entry | None, *, same: bool, own: bool
    ) -> Done:
        """Have ``record`` at ``key`` for ``ttl`` seconds: under the lease that ``entry`` has, or a new one."""
        held, expect = (0 if own else entry.lease, entry.mod_revision) if entry else (0, 0)
        if same or not held:
            revision = 0
            lease, lasts = await self._lease(held, ttl)
        else:  # most likely the lease lives and fits: one round trip instead of two
            trial = self._under(key, record, held, expect)
            (lease, lasts), revision = await asyncio.gather(self._lease(held, ttl), trial)
        if same and lease == held:
            return Done(record, lasts, False, 0, lease)
        if not revision or lease != held:
            revision = await self._put(key, record, lease, revision or expect, granted=lease != held)
        log.info("registered", service=record.service, instance=record.id, address=record.address, port=record.port)
        await self._view.mirror.wait(revision - 1, OWN_WRITE)
        return Done(record, lasts, entry is None, revision, lease)

    async def _under(self, key: str, record: Instance, lease: int, expect: int) -> int:
        """Write under a lease that may be gone; the revision, 0 when it is gone."""
        try:
            return await self._store.put(key, encode(record), lease=lease, expect=expect)
        except NotFound:
            return 0

    async def _put(self, key: str, record: Instance, lease: int, expect: int, *, granted: bool) -> int:
        try:
            return await self._store.put(key, encode(record), lease=lease, expect=expect)
        except Conflict:
            if granted:
                await self._store.revoke(lease)
            raise

    async def _lease(self, held: int, ttl: float) -> tuple[int, float]:
        """The lease ``held``, refreshed, if it lives and fits ``ttl``; else a new one. Its id and its seconds."""
        lasts = await self._store.keepalive(held) if held else 0.0
        if round(ttl) <= lasts <= ttl + SLACK:
            return held, lasts
        return await self._store.grant(ttl), float(round(ttl))


def decoded(entry: Entry) -> Instance | None:
    """The instance in ``entry``; None when it is none."""
    try:
        return decode(Instance, entry.value, what=entry.key)
    except InvalidValue:
        return None


def foreign(instance: Instance | None) -> Instance | None:
    """``instance``; raises Conflict when an agent registered it."""
    if instance is not None and instance.app:
        raise Conflict(
            f"instance {instance.id!r} is a job of app {instance.app!r}; its host's agent keeps it",
            remedy="use another id, or scale the app",
            code="instance_of_job",
        )
    return instance
