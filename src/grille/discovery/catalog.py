"""What is registered, and what changed: pure, fed with the store's events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from ..codec import decode
from ..store import Event
from ..wire import keys
from ..wire.errors import InvalidValue
from ..wire.specs import Instance

log = structlog.get_logger()


@dataclass(frozen=True)
class Registered:
    """An instance, and when the store first saw it."""

    instance: Instance
    create_revision: int

    @property
    def seniority(self) -> tuple[float, int, str]:
        """Sorts the oldest first: the first is the leader, the same one for everybody who looks."""
        return self.instance.created, self.create_revision, self.instance.id


@dataclass(frozen=True)
class Change:
    """An instance before and after an event (None: not there)."""

    service: str
    before: Instance | None
    after: Instance | None
    revision: int


@dataclass(frozen=True)
class Led:
    """A service has another leader now (None: nobody is left)."""

    service: str
    leader: Instance | None
    revision: int


def split(key: str) -> tuple[str, str] | None:
    """Service and instance id in a key of the store, or None for a key that is no instance's."""
    service, _, ident = key.removeprefix(keys.SERVICES).partition("/")
    return (service, ident) if service and ident and "/" not in ident else None


class Catalog:
    """Services and their instances, as the store had them at ``revision``."""

    def __init__(self) -> None:
        self._services: dict[str, dict[str, Registered]] = {}
        self.revision = 0

    def services(self) -> list[str]:
        """The names of services that have instances."""
        return sorted(self._services)

    def get(self, service: str, ident: str) -> Instance | None:
        """One instance, or None."""
        found = self._services.get(service, {}).get(ident)
        return found.instance if found else None

    def instances(self, service: str) -> list[Instance]:
        """The instances of ``service``, the oldest (its leader) first."""
        registered = self._services.get(service, {}).values()
        return [each.instance for each in sorted(registered, key=lambda each: each.seniority)]

    def leader(self, service: str) -> Instance | None:
        """The oldest instance of ``service``, or None when it has none."""
        registered = self._services.get(service, {}).values()
        first = min(registered, key=lambda each: each.seniority, default=None)
        return first.instance if first else None

    def apply(self, events: Iterable[Event], revision: int) -> list[Change | Led]:
        """Take in a batch of events; what changed by them, changes of leaders last."""
        changes: list[Change | Led] = []
        leaders: dict[str, Instance | None] = {}
        for event in events:
            named = split(event.entry.key)
            if named is None:
                continue
            leaders.setdefault(named[0], self.leader(named[0]))
            before = self.get(*named)
            self._set(*named, _registered(event))
            after = self.get(*named)
            if before != after:
                changes.append(Change(named[0], before, after, event.entry.mod_revision))
        self.revision = max(self.revision, revision)
        return changes + self._led(leaders)

    def _led(self, before: dict[str, Instance | None]) -> list[Led]:
        now = {service: self.leader(service) for service in before}
        return [
            Led(service, now[service], self.revision) for service, old in before.items() if _differ(old, now[service])
        ]

    def _set(self, service: str, ident: str, registered: Registered | None) -> None:
        if registered is not None:
            self._services.setdefault(service, {})[ident] = registered
            return
        instances = self._services.get(service, {})
        instances.pop(ident, None)
        if not instances:
            self._services.pop(service, None)


def _differ(one: Instance | None, other: Instance | None) -> bool:
    return (one.id if one else "") != (other.id if other else "")


def _registered(event: Event) -> Registered | None:
    """The instance that an event puts; None for a delete, and for a value that is no instance."""
    if event.kind == "delete":
        return None
    try:
        return Registered(decode(Instance, event.entry.value, what=event.entry.key), event.entry.create_revision)
    except InvalidValue as error:
        log.warning("not an instance, left out", key=event.entry.key, error=error.message)
        return None
