"""The store's records, decoded and kept in step with a mirror: what the API shows and the planner plans upon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import structlog

from ..codec import decode
from ..store import Event
from ..wire import keys
from ..wire.acme import AcmeAccount, AcmeOrder, AcmeSettings
from ..wire.configuration import ConfigVersion, Rollout
from ..wire.errors import InvalidValue
from ..wire.routing import AppRouting, Certificate, Route, RouterStatus
from ..wire.specs import (
    App,
    Formation,
    HostStatus,
    Instance,
    JobSpec,
    JobStatus,
    Release,
    Ticket,
)
from .planner import Images, Job, State

log = structlog.get_logger()
BRICKS = ("discoverd", "shelf", "controller", "router", "haproxy")
Place = tuple[str, Any, type]  # table, key in the table, type of the record


@dataclass(frozen=True)
class Changed:
    """One record before and after a change; None: not there (or not readable)."""

    table: str
    ident: Any
    before: Any
    after: Any


def place(key: str) -> Place | None:
    """Where the record at ``key`` belongs; None for keys that the controller has no use for."""
    match key.split("/"):
        case ["apps", app]:
            return "app", app, App
        case ["releases", app, version] if version.isdecimal():
            return "release", (app, int(version)), Release
        case ["formations", app]:
            return "formation", app, Formation
        case ["hosts", host, "status"]:
            return "host", host, HostStatus
        case ["jobs", host, job, "spec"]:
            return "spec", (host, job), JobSpec
        case ["jobs", host, job, "status"]:
            return "status", (host, job), JobStatus
        case ["queue", queue, ident] if queue in keys.QUEUES:
            return "ticket", ident, Ticket
        case ["services", service, ident] if not ident.startswith("."):
            return "instance", (service, ident), Instance
        case ["routes", ident]:
            return "route", ident, Route
        case ["routing", "apps", app]:
            return "routing", app, AppRouting
        case ["routers", ident]:
            return "router", ident, RouterStatus
        case ["routing", "certificates", ident]:
            return "certificate", ident, Certificate
        case ["acme", ("settings" | "account") as ident]:
            return "acme", ident, AcmeSettings if ident == "settings" else AcmeAccount
        case ["acme", "orders", ident]:
            return "order", ident, AcmeOrder
        case ["rollouts", name]:
            return "rollout", name, Rollout
    if named := keys.config_version(key):
        return "config", named, ConfigVersion
    return None


class Records:
    """All records by kind, and the mod_revision of every key. A record that does not decode is left out."""

    def __init__(self) -> None:
        self.apps: dict[str, App] = {}
        self.releases: dict[tuple[str, int], Release] = {}
        self.formations: dict[str, Formation] = {}
        self.hosts: dict[str, HostStatus] = {}
        self.specs: dict[tuple[str, str], JobSpec] = {}
        self.statuses: dict[tuple[str, str], JobStatus] = {}
        self.jobs: dict[tuple[str, str], Job] = {}
        self.tickets: dict[str, Ticket] = {}
        self.instances: dict[tuple[str, str], Instance] = {}
        self.routes: dict[str, Route] = {}
        self.routing: dict[str, AppRouting] = {}
        self.routers: dict[str, RouterStatus] = {}
        self.configs: dict[tuple[str, int], ConfigVersion] = {}
        self.rollouts: dict[str, Rollout] = {}
        self.certificates: dict[str, Certificate] = {}
        self.acme: dict[str, Any] = {}
        self.orders: dict[str, AcmeOrder] = {}
        self.routed = 0  # the revision of the newest change that routers have to follow
        self._newest: dict[str, int] = {}
        self._revisions: dict[str, int] = {}
        self._tables: dict[str, dict[Any, Any]] = {
            "app": self.apps,
            "release": self.releases,
            "formation": self.formations,
            "host": self.hosts,
            "spec": self.specs,
            "status": self.statuses,
            "ticket": self.tickets,
            "instance": self.instances,
            "route": self.routes,
            "routing": self.routing,
            "router": self.routers,
            "config": self.configs,
            "rollout": self.rollouts,
            "certificate": self.certificates,
            "acme": self.acme,
            "order": self.orders,
        }

    def revision(self, key: str) -> int:
        """The mod_revision of ``key``, 0 when it does not exist."""
        return self._revisions.get(key, 0)

    @property
    def acme_settings(self) -> AcmeSettings | None:
        """Where certificates are ordered; None: nowhere."""
        return self.acme.get("settings")

    @property
    def acme_account(self) -> AcmeAccount | None:
        """The account there."""
        return self.acme.get("account")

    def apply(self, event: Event) -> Changed | None:
        """Take in one change of the store; what it did to the records."""
        entry = event.entry
        if event.kind == "put":
            self._revisions[entry.key] = entry.mod_revision
        else:
            self._revisions.pop(entry.key, None)
        if keys.ROUTING[0] <= entry.key < keys.ROUTING[1]:
            self.routed = max(self.routed, entry.mod_revision)
        found = place(entry.key)
        if found is None:
            return None
        table, ident, kind = found
        record = _decoded(entry.key, entry.value, kind) if event.kind == "put" else None
        before = self._set(table, ident, record)
        if table in ("spec", "status"):
            return self._join(ident)
        if table == "config":
            self._note(*ident, there=event.kind == "put")
        return Changed(table, ident, before, record)

    def _set(self, table: str, ident: Any, record: Any) -> Any:
        rows = self._tables[table]
        before = rows.pop(ident, None)
        if record is not None:
            rows[ident] = record
        return before

    def _join(self, ident: tuple[str, str]) -> Changed:
        before, spec = self.jobs.pop(ident, None), self.specs.get(ident)
        after = Job(spec, self.statuses.get(ident)) if spec else None
        if after is not None:
            self.jobs[ident] = after
        return Changed("job", ident, before, after)

    def _note(self, scope: str, version: int, *, there: bool) -> None:
        """Keep in mind which version of a scope is the newest."""
        if there:
            self._newest[scope] = max(version, self._newest.get(scope, 0))
        elif self._newest.get(scope) == version:
            left = [one for name, one in self.configs if name == scope]
            self._newest.pop(scope)
            self._newest |= {scope: max(left)} if left else {}

    def config(self, scope: str) -> ConfigVersion | None:
        """The newest version of a scope's configuration."""
        return self.configs.get((scope, self._newest.get(scope, 0)))

    def newest(self, scope: str) -> int:
        """The number of a scope's newest version, 0 without one (``config`` is None when it is not readable)."""
        return self._newest.get(scope, 0)

    def scopes(self) -> list[str]:
        """The scopes that have a configuration."""
        return sorted(self._newest)

    def state(self, images: Images, hosts_gone: dict[str, float]) -> State:
        """What the planner reads. It shares these tables: plan before the next change is applied."""
        return State(
            images=images,
            apps=self.apps,
            releases=self.releases,
            formations=self.formations,
            jobs=list(self.jobs.values()),
            hosts=self.hosts,
            hosts_gone=hosts_gone,
            tickets=self.tickets,
        )

    def jobs_of(self, app: str) -> list[Job]:
        """The jobs of an app, oldest first."""
        mine = (job for job in self.jobs.values() if job.spec.app == app)
        return sorted(mine, key=lambda job: (job.spec.created, job.spec.id))

    def job(self, ident: str) -> Job | None:
        """The job with this id, the youngest if several hosts have one."""
        found = [job for (_, name), job in self.jobs.items() if name == ident]
        return max(found, key=lambda job: job.spec.created, default=None)

    def releases_of(self, app: str) -> list[Release]:
        """The releases of an app, newest first."""
        mine = (release for (name, _), release in self.releases.items() if name == app)
        return sorted(mine, key=lambda release: -release.version)

    def current(self, app: str) -> Release | None:
        """The release that the app's formation names."""
        formation = self.formations.get(app)
        return self.releases.get((app, formation.release)) if formation else None

    def deployments(self, app: str = "") -> list[Ticket]:
        """The tickets of deployments, of one app or of all, newest first."""
        mine = (one for one in self.tickets.values() if one.queue == "services" and app in ("", one.app))
        return sorted(mine, key=lambda ticket: (-ticket.created, ticket.id))

    def is_system(self, app: str) -> bool:
        """Whether ``app`` is one of the grid's own bricks."""
        known = self.apps.get(app)
        if app in BRICKS or (known is not None and known.system):
            return True
        return any(spec.app == app and spec.critical for spec in self.specs.values())


def _decoded(key: str, value: bytes, kind: type) -> Any:
    try:
        record: Any = decode(kind, value, what=key)
    except InvalidValue as error:
        log.warning("record left out", key=key, error=error.message)
        return None
    return replace(record, host=key.split("/")[1]) if kind in (JobSpec, JobStatus) else record
