"""What is registered, and what changed: pure, fed with the store's events and with what is pending beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import structlog

from ..codec import decode
from ..store import Event
from ..wire import keys
from ..wire.discovery import SETTINGS, ServiceSettings
from ..wire.errors import InvalidValue
from ..wire.specs import Instance
from .members import Members, Registered
from .rules import leader_of

log = structlog.get_logger()
T = TypeVar("T")
NOBODY = Members()
REMEMBERED = 20_000  # services whose last change is remembered
YOUNGEST = 2**63  # what is not in the store yet is younger than all that is


@dataclass(frozen=True)
class Change:
    """An instance before and after an event (None: not there)."""

    service: str
    before: Registered | None
    after: Registered | None
    revision: int


@dataclass(frozen=True)
class Led:
    """A service has another leader now (None: nobody leads)."""

    service: str
    leader: Registered | None
    revision: int


@dataclass(frozen=True)
class Altered:
    """The settings of a service changed."""

    service: str
    revision: int


Changes = list[Change | Led | Altered]
Name = tuple[str, str]  # a service, and an instance's id


def split(key: str) -> Name | None:
    """Service and last part of a key of the store, or None for a key that is none of ours."""
    service, _, ident = key.removeprefix(keys.SERVICES).partition("/")
    return (service, ident) if service and ident and "/" not in ident else None


class Catalog:
    """Services and their instances, as the store had them at ``revision``, with what is pending laid over them."""

    def __init__(self) -> None:
        self._services: dict[str, Members] = {}
        self._settings: dict[str, tuple[ServiceSettings, int]] = {}
        self._under: dict[Name, Registered | None] = {}  # what the store has where something pending covers it
        self._changed: dict[str, int] = {}
        self._floor = 0
        self.revision = 0
        self.generation = 0  # changes whenever an answer could change

    def services(self) -> list[str]:
        """The names of services that have instances."""
        return sorted(self._services)

    def members(self, service: str) -> Members:
        """The instances of ``service`` with their JSON; not to be changed."""
        return self._services.get(service, NOBODY)

    def get(self, service: str, ident: str) -> Instance | None:
        """One instance, or None."""
        found = self.members(service).get(ident)
        return found.instance if found else None

    def instances(self, service: str) -> list[Instance]:
        """The instances of ``service``, the oldest first."""
        return [each.instance for each in self.members(service)]

    def settings(self, service: str) -> ServiceSettings:
        """The settings of ``service``: those in the store, else the defaults."""
        found = self._settings.get(service)
        return found[0] if found else ServiceSettings(service=service)

    def settings_revision(self, service: str) -> int:
        """The mod_revision of the settings of ``service``; 0 when there are none."""
        return self._settings[service][1] if service in self._settings else 0

    def leader(self, service: str) -> Instance | None:
        """Who leads ``service`` by its rule, or None."""
        found = self.leading(service)
        return found.instance if found else None

    def leading(self, service: str) -> Registered | None:
        """The same, with its JSON."""
        return leader_of(self.settings(service).leader, self.members(service))

    def changed(self, service: str) -> int:
        """The revision of the last change of ``service``, or one at which it may have changed unseen."""
        return max(self._changed.get(service, 0), self._floor)

    def unseen(self, revision: int) -> None:
        """Say that all services may have changed unseen up to ``revision`` (a listing, not a watch, told it)."""
        self._floor = max(self._floor, revision)

    def apply(self, events: Iterable[Event], revision: int) -> Changes:
        """Take in a batch of events; what changed by them, changes of leaders last."""
        changes: Changes = []
        named = [(name, event) for event in events if (name := split(event.entry.key))]
        with self._led({name[0] for name, _ in named}, changes):
            for name, event in named:
                at = max(event.entry.mod_revision, self.revision)  # what is told late is told as of now
                if name[1] == SETTINGS:
                    self._set_settings(name[0], event)
                    changes.append(Altered(name[0], at))
                    self._touch(name[0], at)
                elif not name[1].startswith("."):
                    self._stored(name, _registered(event), at, changes)
            self.revision = max(self.revision, revision)
        return changes

    def cover(self, service: str, ident: str, instance: Instance | None) -> Changes:
        """Show ``instance`` (None: nothing) whatever the store has, until ``uncover``; what changed by it."""
        changes: Changes = []
        name = (service, ident)
        with self._led({service}, changes):
            stored = self._under.setdefault(name, self.members(service).get(ident))
            age = stored.create_revision if stored else YOUNGEST
            self._show(name, Registered(instance, age) if instance else None, self.revision, changes)
        return changes

    def uncover(self, service: str, ident: str) -> Changes:
        """Show what the store has again; what changed by it."""
        changes: Changes = []
        name = (service, ident)
        if name in self._under:
            with self._led({service}, changes):
                self._show(name, self._under.pop(name), self.revision, changes)
        return changes

    @property
    def covered(self) -> bool:
        """Whether anything pending is laid over what the store has."""
        return bool(self._under)

    @contextmanager
    def _led(self, services: set[str], changes: Changes) -> Iterator[None]:
        """Add to ``changes`` which of ``services`` are led by another one at the end of the block."""
        before = {service: self.leading(service) for service in services}
        self.generation += 1
        yield
        for service, old in before.items():
            now = self.leading(service)
            if (old and old.instance.id) != (now and now.instance.id):
                changes.append(Led(service, now, self.revision))
                self._touch(service, self.revision)

    def _stored(self, name: Name, after: Registered | None, revision: int, changes: Changes) -> None:
        if name in self._under:
            self._under[name] = after
        else:
            self._show(name, after, revision, changes)

    def _show(self, name: Name, after: Registered | None, revision: int, changes: Changes) -> None:
        service, ident = name
        members = self._services.setdefault(service, Members())
        before = members.get(ident)
        members.set(ident, after)
        if not members:
            del self._services[service]
        if (before and before.instance) != (after and after.instance):
            changes.append(Change(service, before, after, revision))
            self._touch(service, revision)

    def _set_settings(self, service: str, event: Event) -> None:
        settings = _decoded(ServiceSettings, event)
        if settings is None:
            self._settings.pop(service, None)
        else:
            self._settings[service] = settings, event.entry.mod_revision

    def _touch(self, service: str, revision: int) -> None:
        self.generation += 1
        self._changed.pop(service, None)
        self._changed[service] = revision
        if len(self._changed) > REMEMBERED:
            self._floor = max(self._floor, self._changed.pop(next(iter(self._changed))))


def _registered(event: Event) -> Registered | None:
    instance = _decoded(Instance, event)
    return Registered(instance, event.entry.create_revision) if instance else None


def _decoded(cls: type[T], event: Event) -> T | None:
    """The record that an event puts; None for a delete, and for a value that is no such record."""
    if event.kind == "delete":
        return None
    try:
        return decode(cls, event.entry.value, what=event.entry.key)
    except InvalidValue as error:
        log.warning("not a record of discovery, left out", key=event.entry.key, error=error.message)
        return None
