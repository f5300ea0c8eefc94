"""Runs the checks that are this discoverd's: a task for each record, a limited number of checks at once."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from ...codec import decode
from ...service.daemon import forever
from ...store import Entry, Event, Mirror, Store
from ...wire import keys
from ...wire.discovery import Outside
from ...wire.errors import InvalidValue
from ...wire.specs import Instance
from .health import Health, after, initial, pause, target
from .ownership import fraction, owner
from .probe import probe
from .standing import recorded, standing
from .writer import Writer

log = structlog.get_logger()
AT_ONCE = 500  # checks in flight: what hangs must not hold up what answers
TAKE_OVER = 5.0  # seconds at most until a record taken over is checked for the first time
PEERS = f"{keys.SERVICES}discoverd/"


@dataclass
class Watched:
    """A record that is checked here."""

    record: Outside
    health: Health
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Checker:
    """The checks of the records in ``outside`` that fall to the discoverd of host ``here``.

    Args:
        services, outside: mirrors of the two, run by the caller.
    """

    def __init__(self, store: Store, services: Mirror, outside: Mirror, here: str) -> None:
        self._services, self._outside, self.here = services, outside, here
        self._watched: dict[str, Watched] = {}
        self._hosts: frozenset[str] = frozenset()
        self._writer = Writer(store, services, outside, self._passing)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running = False
        outside.listen(self._records_changed)
        services.listen(self._instances_changed)

    def owner(self, key: str) -> str:
        """The host whose discoverd checks the record at ``key``."""
        return owner(key, self._hosts, self.here)

    def health(self, key: str) -> Health | None:
        """What this discoverd's checks of the record at ``key`` have found; None when it is not checked here."""
        watched = self._watched.get(key)
        return watched.health if watched else None

    async def run(self) -> None:
        """Check until cancelled."""
        await self._services.ready()
        await self._outside.ready()
        self._running = True
        try:
            self._hosts = self._registered()
            self._share()
            await self._writer.run()
        finally:
            self._running = False
            for key in list(self._watched):
                self._leave(key)

    def _passing(self, key: str) -> bool | None:
        health = self.health(key)
        return health.passing if health else None

    def _registered(self) -> frozenset[str]:
        found = (each for key, each in self._services.entries.items() if key.startswith(PEERS))
        return frozenset(host for entry in found if (host := _host_of(entry)))

    def _share(self) -> None:
        """Take what falls to this discoverd, leave the rest."""
        for key in list(self._watched):
            if self.owner(key) != self.here:
                self._leave(key)
        for key, entry in self._outside.entries.items():
            if key not in self._watched and self.owner(key) == self.here:
                self._take(key, entry, new=False)

    def _records_changed(self, events: Iterable[Event], revision: int) -> None:
        if not self._running:
            return
        for event in events:
            key = event.entry.key
            if event.kind == "delete":
                self._leave(key)
            elif self.owner(key) == self.here:
                self._take(key, event.entry, new=True)

    def _instances_changed(self, events: Iterable[Event], revision: int) -> None:
        if not self._running:
            return
        changed = [event.entry.key for event in events]
        if any(key.startswith(PEERS) for key in changed) and (hosts := self._registered()) != self._hosts:
            log.info("checks are shared out", discoverds=sorted(hosts))
            self._hosts = hosts
            self._share()
        for key in changed:
            if (record := keys.OUTSIDE + key.removeprefix(keys.SERVICES)) in self._watched:
                self._writer.look(record)

    def _take(self, key: str, entry: Entry, *, new: bool) -> None:
        """Check the record from now on; one that was checked already keeps its health unless its target changed."""
        record = recorded(entry)
        if record is None or keys.outside(record.instance.service, record.instance.id) != key:
            log.warning("not a record of what its key says, left out", key=key)
            return self._leave(key)
        known = self._watched.get(key)
        if known and target(known.record.instance) == target(record.instance) and known.record.check == record.check:
            known.record = record
            return self._writer.look(key)
        self._leave(key)
        there = standing(self._services.entries.get(keys.SERVICES + key.removeprefix(keys.OUTSIDE)))
        watched = self._watched[key] = Watched(record, initial(record, there, time.time()))
        delay = 0.0 if new else fraction(key) * min(record.check.interval / 2, TAKE_OVER)
        follow = functools.partial(self._follow, key, watched, delay)
        watched.task = asyncio.create_task(forever(f"check {key}", follow))
        return None

    def _leave(self, key: str) -> None:
        watched = self._watched.pop(key, None)
        if watched and watched.task:
            watched.task.cancel()

    async def _follow(self, key: str, watched: Watched, delay: float) -> None:
        """Check ``watched`` after ``delay`` seconds, and again, each time counted from the last beginning."""
        due = time.monotonic() + delay
        while True:
            await asyncio.sleep(due - time.monotonic())
            async with self._slots:
                begun = time.monotonic()
                await self._check(key, watched)
            due = begun + pause(watched.health, watched.record.check)

    async def _check(self, key: str, watched: Watched) -> None:
        reason = await probe(watched.record)
        before = watched.health
        watched.health = after(before, reason, watched.record.check.threshold, time.time())
        if watched.health.passing != before.passing:
            log.info("check decided", record=key, passing=watched.health.passing, reason=reason)
        self._writer.look(key)


def _host_of(entry: Entry) -> str:
    try:
        return decode(Instance, entry.value, what=entry.key).host
    except InvalidValue:
        return ""
