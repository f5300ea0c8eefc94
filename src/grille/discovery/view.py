"""What this discoverd shows: the mirror's copy of the store, the saved one until the store is reached, what is pending.

Every change goes through here, in order: into the catalog, the history, and to those who watch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from ..store import USUAL_GRACE, Entry, Event, Mirror
from ..wire import keys
from ..wire.errors import Unavailable
from ..wire.specs import Instance
from .catalog import Catalog, Changes
from .history import History
from .snapshot import Saved
from .watchers import Hub

SOON = 2.0  # seconds from the start to the first listing; longer: the store was away


@dataclass(frozen=True)
class Freshness:
    """Of an answer: the store's revision up to which it is complete, whether it is a copy, seconds since it was not."""

    revision: int
    stale: bool
    age: float


class View:
    """The catalog and who follows it; ``mirror`` of ``services/`` must not have run yet.

    Args:
        saved: what an earlier life of this discoverd saved last, or None.
    """

    def __init__(self, mirror: Mirror, saved: Saved | None) -> None:
        self.mirror, self.catalog, self.history, self.hub = mirror, Catalog(), History(), Hub()
        self._saved, self._began = saved, time.monotonic()
        if saved is not None:
            self.catalog.apply([Event("put", entry) for entry in saved.entries.values()], saved.revision)
            self._listed(saved.revision)
        mirror.listen(self._changed)

    def freshness(self) -> Freshness:
        """How fresh what is shown is; raises Unavailable when nothing is known yet."""
        mirror = self.mirror
        if mirror.revision:
            return Freshness(mirror.revision, not mirror.connected, round(mirror.age(), 3))
        if self._saved is None:
            raise Unavailable("discoverd has not reached the store yet", remedy="see that etcd runs; try again")
        return Freshness(self._saved.revision, True, round(self._saved.age(), 3))

    def known(self, key: str) -> Entry | None:
        """What the store last said is at ``key``."""
        if self.mirror.revision or self._saved is None:
            return self.mirror.entries.get(key)
        return self._saved.entries.get(key)

    @property
    def ident(self) -> str:
        """The id of events now; 0, from which nothing is resumed, while pending ones are shown only here."""
        return "0" if self.catalog.covered else ""

    def cover(self, service: str, ident: str, instance: Instance | None) -> None:
        """Show ``instance`` (None: nothing), whatever the store has, until ``uncover``."""
        changes = self.catalog.cover(service, ident, instance)
        self._publish(changes)

    def uncover(self, service: str, ident: str) -> None:
        """Show what the store has again."""
        changes = self.catalog.uncover(service, ident)
        self._publish(changes)

    def _changed(self, events: list[Event], revision: int) -> None:
        if self._saved is not None:
            saved, self._saved = self._saved, None
            events = self._against(saved, events, revision)
        changes = self.catalog.apply(events, revision)
        if not self.mirror.connected:  # a listing: what came and went before it was not seen
            self._listed(revision)
        self._publish(changes)

    def _against(self, saved: Saved, events: list[Event], revision: int) -> list[Event]:
        """The first listing's events, with deletes for what was saved and is gone.

        Leases that died while the store was away reap later. A store that answered at once was not away, as far as
        can be seen from here: discoverd itself was.
        """
        gone = saved.entries.keys() - self.mirror.entries.keys()
        if revision < saved.revision:  # another store
            self.catalog.revision = revision
            return [*_deletes(gone, revision), *events]
        if time.monotonic() - self._began < SOON:
            return [*_deletes(gone, revision), *events]
        leased = {key for key in gone if saved.entries[key].lease}
        asyncio.get_running_loop().call_later(USUAL_GRACE, self._reap, leased)
        return [*_deletes(gone - leased, revision), *events]

    def _reap(self, leased: set[str]) -> None:
        still = leased - self.mirror.entries.keys()
        self._publish(self.catalog.apply(_deletes(still, self.mirror.revision), self.mirror.revision))

    def _listed(self, revision: int) -> None:
        self.history.forget(revision)
        self.catalog.unseen(revision)

    def _publish(self, changes: Changes) -> None:
        self.history.add(changes)
        self.hub.publish(changes, self.ident)


def _deletes(gone: Collection[str], revision: int) -> list[Event]:
    return [Event("delete", Entry(key, b"", 0, revision, 0)) for key in sorted(gone) if key.startswith(keys.SERVICES)]
