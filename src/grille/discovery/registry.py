"""Registrations written to the store: one lease each, kept alive by the client's putting it again.

No state is kept here: which lease a registration has, the store says. So a client may put to any discoverd.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

import structlog

from ..codec import decode, encode
from ..service.http import not_found
from ..store import Entry, Mirror, Store
from ..wire import keys
from ..wire.errors import Conflict, InvalidValue, Unavailable
from ..wire.specs import Instance
from .records import Registration

log = structlog.get_logger()
TRIES = 3
SLACK = 10.0  # seconds that a lease held already may outlast the ttl asked for
OWN_WRITE = 1.0  # seconds to wait for one's own write to be seen by finds


@dataclass(frozen=True)
class Registered:
    """What became of a registration: ``revision`` 0 means that nothing had to be written."""

    instance: Instance
    ttl: float
    new: bool
    revision: int


class Registry:
    """Writes registrations; ``mirror`` holds ``services/``."""

    def __init__(self, store: Store, mirror: Mirror) -> None:
        self._store, self._mirror = store, mirror

    async def register(self, service: str, ident: str, wanted: Registration) -> Registered:
        """Make the registration stand for ``wanted.ttl`` seconds more; writes only what differs.

        Raises:
            Conflict: the instance is a job's, or others keep changing it. Unavailable: the store does not answer.
        """
        key = keys.instance(service, ident)
        entry = self._mirror.entries.get(key)
        for _ in range(TRIES):
            present = _present(entry) if entry else None
            record = wanted.instance(service, ident, present.created if present else time.time())
            try:
                return await self._stand(key, record, wanted.ttl, entry, record == present)
            except Conflict:
                entry = await self._store.get(key)
        raise Conflict(f"instance {ident!r} of {service!r} is being changed by others", remedy="try again")

    async def deregister(self, service: str, ident: str) -> int:
        """Remove the registration; the revision. Raises NotFound, or Conflict when it is a job's."""
        key = keys.instance(service, ident)
        entry = await self._store.get(key)
        if entry is None:
            raise not_found("instance", ident)
        _present(entry)
        revision = await self._store.delete(key, expect=entry.mod_revision)
        if entry.lease:
            with contextlib.suppress(Unavailable):  # it ends by itself then
                await self._store.revoke(entry.lease)
        log.info("deregistered", service=service, instance=ident)
        await self._mirror.wait(revision - 1, OWN_WRITE)
        return revision

    async def _stand(self, key: str, record: Instance, ttl: float, entry: Entry | None, same: bool) -> Registered:
        held, expect = (entry.lease, entry.mod_revision) if entry else (0, 0)
        lease, lasts = await self._lease(held, ttl)
        if same and lease == held:
            return Registered(record, lasts, False, 0)
        try:
            revision = await self._store.put(key, encode(record), lease=lease, expect=expect)
        except Conflict:
            if lease != held:
                await self._store.revoke(lease)
            raise
        log.info("registered", service=record.service, instance=record.id, address=record.address, port=record.port)
        await self._mirror.wait(revision - 1, OWN_WRITE)
        return Registered(record, lasts, entry is None, revision)

    async def _lease(self, held: int, ttl: float) -> tuple[int, float]:
        """The lease ``held``, refreshed, if it lives and fits ``ttl``; else a new one. Its id and its seconds."""
        lasts = await self._store.keepalive(held) if held else 0.0
        if round(ttl) <= lasts <= ttl + SLACK:
            return held, lasts
        return await self._store.grant(ttl), float(round(ttl))


def _present(entry: Entry) -> Instance | None:
    """The instance in ``entry``, None if it is none; raises Conflict when an agent registered it."""
    try:
        instance = decode(Instance, entry.value, what=entry.key)
    except InvalidValue:
        return None
    if instance.app:
        raise Conflict(
            f"instance {instance.id!r} is a job of app {instance.app!r}; its host's agent keeps it",
            remedy="use another id, or scale the app",
            code="instance_of_job",
        )
    return instance
