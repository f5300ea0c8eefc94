"""Registrations of things outside the grid, written to the store. No state is kept here: any discoverd may be asked."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

import structlog

from ...codec import encode
from ...service.http import not_found
from ...store import Check, Delete, Entry, Mirror, Put, Store
from ...wire import keys
from ...wire.discovery import Outside
from ...wire.errors import Conflict
from .standing import held_by, recorded

log = structlog.get_logger()
TRIES = 5
OWN_WRITE = 1.0  # seconds to wait for one's own write to be seen by finds
HELD = {
    "job": ("a job of the grid; its host's agent keeps it", "use another id", "instance_of_job"),
    "ttl": ("registered with a ttl", "deregister it first, or use another id", "instance_with_ttl"),
}


@dataclass(frozen=True)
class Written:
    """What became of a registration; not ``changed`` means that nothing had to be written."""

    record: Outside
    new: bool
    changed: bool
    revision: int


class OutsideRegistry:
    """Writes records to ``outside/``; ``mirror`` holds them."""

    def __init__(self, store: Store, mirror: Mirror) -> None:
        self._store, self._mirror = store, mirror

    async def register(self, wanted: Outside) -> Written:
        """Make ``wanted`` stand; one that is there already keeps its age.

        Raises:
            Conflict: a job or a registration with a ttl has this id. Unavailable: the store does not answer.
        """
        service, ident = wanted.instance.service, wanted.instance.id
        for _ in range(TRIES):
            source, entry = await self._read(service, ident)
            _free(entry, ident)
            present = recorded(source)
            created = present.instance.created if present else time.time()
            record = replace(wanted, instance=replace(wanted.instance, created=created))
            if source and record == present:
                return Written(record, False, False, source.mod_revision)
            try:
                revision = await self._store.transact(
                    _checks(service, ident, source, entry), [Put(keys.outside(service, ident), encode(record))]
                )
            except Conflict:
                continue
            log.info("registered outside", service=service, instance=ident, address=record.instance.address)
            await self._mirror.wait(revision - 1, OWN_WRITE)
            return Written(record, source is None, True, revision)
        raise _busy(service, ident)

    async def deregister(self, service: str, ident: str) -> int:
        """Remove the record and its instance at once; the revision. Raises NotFound."""
        for _ in range(TRIES):
            source, entry = await self._read(service, ident)
            if source is None:
                raise not_found("outside registration", ident)
            writes: list[Put | Delete] = [Delete(source.key)]
            if entry and not held_by(entry):
                writes.append(Delete(entry.key))
            try:
                revision = await self._store.transact(_checks(service, ident, source, entry), writes)
            except Conflict:
                continue
            log.info("deregistered outside", service=service, instance=ident)
            await self._mirror.wait(revision - 1, OWN_WRITE)
            return revision
        raise _busy(service, ident)

    async def _read(self, service: str, ident: str) -> tuple[Entry | None, Entry | None]:
        """The entries of the record and of its instance."""
        wanted = (keys.outside(service, ident), keys.instance(service, ident))
        source, entry = await asyncio.gather(*map(self._store.get, wanted))
        return source, entry


def _free(entry: Entry | None, ident: str) -> None:
    if holder := held_by(entry):
        words, remedy, code = HELD[holder]
        raise Conflict(f"instance {ident!r} is {words}", remedy=remedy, code=code)


def _checks(service: str, ident: str, source: Entry | None, entry: Entry | None) -> list[Check]:
    return [
        Check(keys.outside(service, ident), source.mod_revision if source else 0),
        Check(keys.instance(service, ident), entry.mod_revision if entry else 0),
    ]


def _busy(service: str, ident: str) -> Conflict:
    return Conflict(f"outside registration {ident!r} of {service!r} is being changed by others", remedy="try again")
