"""What discoverd answers: the records behind its answers and its description."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.discovery import ServiceSettings
from ..wire.specs import Instance


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """``revision``: the store's, up to which it is complete. ``stale``: not heard of the store for ``age`` seconds."""

    revision: int
    stale: bool
    age: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One service in the list of all; ``leader``: an id, null when nobody leads."""

    name: str
    instances: int
    leader: str | None


@dataclass(frozen=True, kw_only=True)
class Services(Fresh):
    """All services that have instances."""

    services: list[Summary]


@dataclass(frozen=True, kw_only=True)
class Found(Fresh):
    """The instances that were asked for, in order."""

    service: str
    instances: list[Instance]


@dataclass(frozen=True, kw_only=True)
class One(Fresh):
    """One instance."""

    instance: Instance


@dataclass(frozen=True, kw_only=True)
class Leading(Fresh):
    """The leader of a service."""

    service: str
    leader: Instance


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service. ``revision``: its settings', 0 when there are none; ``store_revision``: that of finds."""

    service: str
    settings: ServiceSettings
    revision: int
    instances: int
    leader: Instance | None
    store_revision: int
    stale: bool
    age: float


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A registration. ``ttl``: as granted; ``revision``: of the write, 0 when nothing was written.

    ``pending``: the store is away; it is shown here, and written when the store returns.
    """

    instance: Instance
    ttl: float
    changed: bool
    revision: int
    pending: bool


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """A removal; ``pending`` as in a registration."""

    deleted: bool
    revision: int
    pending: bool


@dataclass(frozen=True, kw_only=True)
class Set:
    """The settings of a service after a change; ``revision``: theirs."""

    service: str
    settings: ServiceSettings
    revision: int
    changed: bool


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An error (RFC 9457). ``code`` is for programs, ``remedy`` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    remedy: str
