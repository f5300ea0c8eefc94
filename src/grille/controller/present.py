"""Records as users see them. Values of environments are shown to those who may set them; readers see names only.

Secrets are names to everybody, sealed or not; ``config`` alone can open them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..codec import plain
from ..service.sealing import Keyring
from ..wire.configuration import ConfigVersion
from ..wire.keys import QUEUES
from ..wire.specs import App, HostStatus, Release, Ticket
from . import present_routes
from .config import Edge
from .planner import Job, Limits
from .records import Records


def env(values: Mapping[str, Any], secret: bool) -> dict[str, Any]:
    """An environment; with ``secret`` the values are null."""
    return dict.fromkeys(sorted(values)) if secret else dict(values)


def release(record: Release, current: int, secret: bool) -> dict[str, Any]:
    """A release, and whether it is the current one."""
    hidden = {"env": env(record.env, secret), "secrets": env(record.secrets, True)}
    return {**plain(record), **hidden, "current": record.version == current}


def config(record: ConfigVersion, secret: bool, keyring: Keyring | None = None) -> dict[str, Any]:
    """A version of a scope's configuration; secrets are opened with ``keyring`` where it is given."""
    opened = {name: keyring.open(name, token) for name, token in record.secrets.items()} if keyring else record.secrets
    shown = {"values": env(record.values, secret), "live": env(record.live, secret)}
    return {**plain(record), **shown, "secrets": env(opened, keyring is None)}


def ticket(record: Ticket, secret: bool) -> dict[str, Any]:
    """A ticket."""
    shown: dict[str, Any] = plain(record)
    for part, hidden in (("env", secret), ("secrets", True)):
        if record.payload.get(part):
            shown["payload"] = {**shown["payload"], part: env(record.payload[part], hidden)}
    return shown


def job(record: Job) -> dict[str, Any]:
    """A job: what is desired and what its agent says, in one; never its environment."""
    spec, status = record.spec, record.status
    shown = {
        name: getattr(spec, name)
        for name in (
            "id",
            "host",
            "app",
            "process",
            "release",
            "kind",
            "image",
            "desired",
            "created",
            "port",
            "critical",
        )
    }
    told = {
        name: getattr(status, name, usual)
        for name, usual in (
            ("state", "pending"),
            ("reason", ""),
            ("address", ""),
            ("restarts", 0),
            ("started", 0.0),
            ("changed", spec.created),
            ("exit_code", None),
        )
    }
    return {**shown, "memory": spec.resources.memory, "cpu": spec.resources.cpu, **told}


def hosts(records: Records, gone: bool) -> list[dict[str, Any]]:
    """The hosts that are up, by name, each with the services that have an instance there.

    Args:
        gone: add those that have jobs and no live agent; little is known of them.
    """
    services: dict[str, set[str]] = {}
    for instance in records.instances.values():
        services.setdefault(instance.host, set()).add(instance.service)
    up = [_host(one, services.get(one.host, set())) for one in records.hosts.values()]
    away = Counter(host for host, _ in records.specs if host not in records.hosts) if gone else {}
    lost = [{"host": name, "state": "gone", "jobs": jobs, "tags": {}, "services": []} for name, jobs in away.items()]
    return sorted([*up, *lost], key=lambda one: str(one["host"]))


def _host(record: HostStatus, services: set[str]) -> dict[str, Any]:
    return {**plain(record), "state": "up", "services": sorted(services)}


def summary(records: Records, app: App, edge: Edge) -> dict[str, Any]:
    """An app in a list."""
    formation, jobs = records.formations.get(app.name), records.jobs_of(app.name)
    serving = [one for one in jobs if one.spec.kind == "service"]
    return {
        **plain(app),
        "release": formation.release if formation else None,
        "url": present_routes.url(present_routes.first_route(records, app.name), edge),
        "jobs": {
            "up": sum(one.status is not None and one.status.state == "up" for one in serving),
            "all": len(serving),
        },
    }


def app(records: Records, record: App, secret: bool, edge: Edge) -> dict[str, Any]:
    """All about one app."""
    formation = records.formations.get(record.name)
    current = formation.release if formation else 0
    found, deployments = records.current(record.name), records.deployments(record.name)
    return {
        "app": plain(record),
        "formation": plain(formation) if formation else None,
        "release": release(found, current, secret) if found else None,
        "releases": [release(one, current, secret) for one in records.releases_of(record.name)],
        "jobs": [job(one) for one in records.jobs_of(record.name)],
        "routes": [present_routes.shown(records, one, edge) for one in present_routes.routes(records, record.name)],
        "routing": plain(present_routes.app_routing(records, record.name)),
        "url": present_routes.url(present_routes.first_route(records, record.name), edge),
        "deployment": ticket(deployments[0], secret) if deployments else None,
    }


def brick(records: Records, name: str) -> App | None:
    """One of the grid's own bricks as an app, made up from its jobs; None when it has none."""
    created = [one.spec.created for one in records.jobs_of(name)]
    return App(name=name, created=min(created), system=True) if created and records.is_system(name) else None


def bricks(records: Records) -> list[App]:
    """All bricks of the grid that have jobs."""
    named = sorted({spec.app for spec in records.specs.values() if spec.critical})
    return [found for name in named if name not in records.apps and (found := brick(records, name))]


def queues(records: Records, limits: Limits, now: float) -> dict[str, Any]:
    """Each queue: its limit, how many tickets it has by state, the age of the oldest that waits, its open tickets."""
    found: dict[str, Any] = {}
    for name in QUEUES:
        mine = sorted((one for one in records.tickets.values() if one.queue == name), key=lambda one: one.created)
        waiting = [one.created for one in mine if one.state == "queued"]
        states = dict.fromkeys(("queued", "running", "succeeded", "failed", "cancelled"), 0)
        found[name] = {
            "limit": getattr(limits, name),
            **states,
            **Counter(one.state for one in mine),
            "oldest": max(0.0, now - waiting[0]) if waiting else 0.0,
            "tickets": [_brief(one) for one in mine if one.state in ("queued", "running")],
        }
    return found


def _brief(record: Ticket) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("id", "app", "state", "created", "started", "attempts", "job")}
