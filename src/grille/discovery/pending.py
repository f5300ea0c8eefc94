"""Registrations and removals accepted while the store was away: shown here, written when it returns."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

import structlog

from ..store import Entry, Store
from ..wire import keys
from ..wire.errors import GrilleError, Unavailable
from ..wire.specs import Instance
from .journal import Gone, Item, Journal
from .records import Registration
from .registry import Registry, decoded
from .view import View

log = structlog.get_logger()
EVERY = 0.2  # seconds between looks
MOST = 20_000
Name = tuple[str, str]


@dataclass(frozen=True)
class Accepted:
    """Something pending, and until when (monotonic seconds; removals have no end)."""

    item: Item
    until: float


class Pending:
    """What is pending, in the order in which it was accepted first; also in ``journal``, over restarts."""

    def __init__(self, store: Store, view: View, registry: Registry, journal: Journal) -> None:
        self._store, self._view, self._registry, self._journal = store, view, registry, journal
        self._accepted: dict[Name, Accepted] = {}
        for item in journal.load():
            self._take(item)

    def __contains__(self, name: Name) -> bool:
        return name in self._accepted

    def register(self, service: str, ident: str, wanted: Registration) -> Instance:
        """Accept a registration, or refresh it; the instance that is shown for it."""
        shown = self._view.catalog.get(service, ident)
        created = shown.created if shown else time.time()
        instance = wanted.instance(service, ident, created)
        self._accept(Item(instance=instance, ttl=wanted.ttl, expect=self._expect(service, ident)))
        return instance

    def deregister(self, instance: Instance) -> None:
        """Accept the removal of ``instance``."""
        expect = self._expect(instance.service, instance.id)
        self._accept(Item(instance=instance, ttl=0.0, expect=expect))

    async def run(self) -> None:
        """Write what is pending once the store answers; drop what nobody refreshed. Never returns."""
        while True:
            self._expire()
            if self._accepted and self._view.mirror.connected:
                try:
                    await self._drain()
                except Unavailable as error:
                    log.info("pending registrations wait for the store", count=len(self._accepted), error=str(error))
            await asyncio.sleep(EVERY)

    def _expect(self, service: str, ident: str) -> int:
        before = self._accepted.get((service, ident))
        if before:
            return before.item.expect
        entry = self._view.known(keys.instance(service, ident))
        return entry.mod_revision if entry else 0

    def _accept(self, item: Item) -> None:
        before = self._accepted.get(item.name)
        if before is None and len(self._accepted) >= MOST:
            raise Unavailable("too much is pending until the store returns", remedy="see that etcd runs; try again")
        if before is None or before.item != item:
            self._journal.add(item)
            log.info("accepted while the store is away", service=item.name[0], instance=item.name[1], ttl=item.ttl)
        self._take(item)

    def _take(self, item: Item) -> None:
        until = time.monotonic() + item.ttl if item.ttl else float("inf")
        self._accepted[item.name] = Accepted(item, until)
        self._view.cover(*item.name, item.instance if item.ttl else None)

    def _expire(self) -> None:
        now = time.monotonic()
        for name in [name for name, each in self._accepted.items() if each.until < now]:
            log.info("pending registration was not refreshed", service=name[0], instance=name[1])
            self._forget(name)

    def _forget(self, name: Name) -> None:
        del self._accepted[name]
        self._journal.add(Gone(*name))
        if not self._accepted:
            self._journal.clear()
        self._view.uncover(*name)

    async def _drain(self) -> None:
        for name, accepted in list(self._accepted.items()):
            revision = await self._write(accepted.item)
            now = self._accepted.get(name)
            if now is None or now.item == accepted.item:
                if now is not None:
                    self._forget(name)
            else:  # changed while it was being written: the new one follows
                self._accepted[name] = replace(now, item=replace(now.item, expect=revision))

    async def _write(self, item: Item) -> int:
        """Write ``item`` unless others changed its record meanwhile; the revision, 0 when it was not written."""
        service, ident = item.name
        entry = await self._store.get(keys.instance(service, ident))
        try:
            if not _untouched(entry, item):
                log.warning("pending registration dropped: changed by others", service=service, instance=ident)
            elif item.ttl:
                done = await self._registry.register(service, ident, item.registration())
                return done.revision or (entry.mod_revision if entry else 0)
            elif entry:
                return await self._registry.deregister(service, ident)
        except Unavailable:
            raise
        except GrilleError as error:
            log.warning("pending registration dropped", service=service, instance=ident, error=str(error))
        return 0


def _untouched(entry: Entry | None, item: Item) -> bool:
    """Whether the record is as it was when ``item`` was accepted, is gone, or is what ``item`` wants already."""
    if entry is None or entry.mod_revision == item.expect:
        return True
    present = decoded(entry)
    return present is not None and replace(present, created=item.instance.created) == item.instance
