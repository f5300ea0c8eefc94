"""A small grid in memory: carries the planner's actions out as the store and the agents would, and breaks things."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from grille.controller.planner import (
    Action,
    DeleteApp,
    DeleteJob,
    DeleteRelease,
    DeleteTicket,
    FinishBuild,
    Images,
    Job,
    Limits,
    SetDeployment,
    SetTicket,
    StartJob,
    State,
    StopJob,
    plan,
)
from grille.controller.planner.formation import OVERDUE
from grille.wire.specs import (
    App,
    Formation,
    Health,
    HostStatus,
    JobSpec,
    JobStatus,
    ProcessType,
    Release,
    Resources,
    Scale,
    Slug,
    Ticket,
)

IMAGES = Images(run="grille/run:1", build="grille/build:1")
START = 1_000_000.0
NEXT = {"pending": "starting", "starting": "running", "running": "up", "up": "up", "unhealthy": "up"}
WEB = ProcessType(command="serve", port=5000, stop_grace=5.0, drain_deadline=5.0)
WORKER = ProcessType(command="work", stop_grace=5.0, drain_deadline=5.0)


def host(name: str, memory: int = 4000) -> HostStatus:
    """A live host."""
    return HostStatus(
        host=name,
        address="10.0.0.1",
        url="http://10.0.0.1:7410",
        started=START,
        updated=START,
        cpus=2,
        load=0.0,
        memory_total=8000,
        memory_available=memory,
        disk_total=1,
        disk_free=1,
        jobs=0,
    )


def release(app: str, version: int, created: float = START, **processes: ProcessType) -> Release:
    """A release with a slug; a web and a worker when no process types are given."""
    kinds = processes or {"web": WEB, "worker": WORKER}
    slug = Slug(digest=f"{version:064x}", size=1)
    return Release(app=app, version=version, created=created, slug=slug, processes=kinds)


def status(spec: JobSpec, state: str, changed: float, **more: Any) -> JobStatus:
    """What an agent would say of a job."""
    fields = {"id": spec.id, "host": spec.host, "app": spec.app, "process": spec.process, "release": spec.release}
    return JobStatus(**fields, state=state, changed=changed, **more)  # type: ignore[arg-type]


def spec_of(ident: str, on: str, version: int = 1, process: str = "web", **more: Any) -> JobSpec:
    """A service job's spec, as the planner would have made it."""
    fields: dict[str, Any] = {"app": "shop", "kind": "service", "image": "grille/run:1", "created": START}
    return JobSpec(**{**fields, "id": ident, "host": on, "process": process, "release": version, **more})


class World:
    """The records of a grid, changed by ``carry_out`` and ``tick`` only."""

    def __init__(self, hosts: int = 3, seed: int = 0, limits: Limits | None = None) -> None:
        self.random = random.Random(seed)
        self.limits = limits or Limits()
        self.now = START
        self.hosts = {f"h{number}": host(f"h{number}") for number in range(hosts)}
        self.gone: dict[str, float] = {}
        self.apps: dict[str, App] = {}
        self.releases: dict[tuple[str, int], Release] = {}
        self.formations: dict[str, Formation] = {}
        self.jobs: dict[str, Job] = {}
        self.tickets: dict[str, Ticket] = {}
        self.bad: set[int] = set()  # releases whose jobs never become healthy
        self.exit_code = 0
        self.actions: Counter[str] = Counter()

    def state(self) -> State:
        return State(
            images=IMAGES,
            apps=dict(self.apps),
            releases=dict(self.releases),
            formations=dict(self.formations),
            jobs=list(self.jobs.values()),
            hosts={name: of for name, of in self.hosts.items() if name not in self.gone},
            hosts_gone=dict(self.gone),
            tickets=dict(self.tickets),
        )

    # -- users ------------------------------------------------------------------------------------------------

    def add_app(self, name: str = "shop", version: int = 1, **counts: int) -> None:
        """An app that has been deployed, with nothing running yet (no release when ``version`` is 0)."""
        self.apps[name] = App(name=name, created=self.now, last_release=version)
        if version:
            self.releases[name, version] = release(name, version, self.now)
            scales = {process: Scale(count=count) for process, count in counts.items()}
            self.formations[name] = Formation(app=name, release=version, processes=scales)

    def deploy(self, app: str = "shop", scale: dict[str, object] | None = None, **processes: ProcessType) -> Ticket:
        """Make a release and queue its deployment, as the API does."""
        version = self.apps[app].last_release + 1
        self.apps[app] = replace(self.apps[app], last_release=version)
        self.releases[app, version] = release(app, version, self.now, **processes)
        current = self.formations[app].release if app in self.formations else 0
        return self.queue("services", app, {"release": version, "previous": current, "scale": scale or {}})

    def queue(self, queue: Any, app: str, payload: dict[str, Any], **more: Any) -> Ticket:
        """A new ticket."""
        ident = f"{queue}-{len(self.tickets):04d}"
        ticket = Ticket(id=ident, queue=queue, app=app, created=self.now, payload=payload, **more)
        self.tickets[ident] = ticket
        return ticket

    def scale(self, app: str, process: str, count: int) -> None:
        formation = self.formations[app]
        processes = {**formation.processes, process: Scale(count=count)}
        self.formations[app] = replace(formation, processes=processes)

    # -- the store and the edge -------------------------------------------------------------------------------

    def plan(self) -> list[Action]:
        return plan(self.state(), self.limits, self.now)

    def carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            self.actions[type(action).__name__] += 1
            self._carry_out(action)

    def _carry_out(self, action: Action) -> None:
        match action:
            case SetTicket(before, after):
                assert self.tickets[before.id] == before
                self.tickets[before.id] = after
            case DeleteTicket(ticket):
                assert self.tickets.pop(ticket.id) == ticket
            case StartJob(spec, ticket):
                assert spec.id not in self.jobs, "an id was handed out twice"
                assert spec.host in self.hosts
                assert spec.host not in self.gone
                self.jobs[spec.id] = Job(spec)
                if ticket:
                    self._carry_out(ticket)
            case StopJob(spec):
                assert spec.desired == "stop"
                assert self.jobs[spec.id].spec.desired == "run", "stopped twice"
                assert not spec.critical
                self.jobs[spec.id] = replace(self.jobs[spec.id], spec=spec)
            case DeleteJob(on, ident):
                assert on in self.gone
                del self.jobs[ident]
            case SetDeployment():
                self._deployment(action)
            case FinishBuild(ticket, code):
                state: Any = "failed" if code else "succeeded"
                self.tickets[ticket.id] = replace(ticket, state=state, finished=self.now)
            case DeleteRelease(app, version):
                assert self.formations.get(app) is None or self.formations[app].release != version
                del self.releases[app, version]
            case DeleteApp(app):
                del self.apps[app]
                self.formations.pop(app, None)
                for key in [key for key in self.releases if key[0] == app]:
                    del self.releases[key]

    def _deployment(self, action: SetDeployment) -> None:
        app = action.before.app
        assert self.tickets[action.before.id] == action.before
        assert self.formations.get(app) == action.formation_before
        self.tickets[action.before.id] = action.after
        if action.formation_after is None:
            self.formations.pop(app, None)
        else:
            self.formations[app] = action.formation_after

    # -- the agents -------------------------------------------------------------------------------------------

    def tick(self, seconds: float = 1.0, *, chaos: float = 0.0, share: float = 1.0) -> None:
        """Time goes by: each job on a live host takes a step with the chance ``share``, ends with ``chaos``."""
        self.now += seconds
        for ident, job in list(self.jobs.items()):
            if job.spec.host not in self.gone and self.random.random() < share:
                self._step(ident, job, chaos)

    def _step(self, ident: str, job: Job, chaos: float) -> None:
        state = job.status.state if job.status else "pending"
        if job.spec.desired == "stop":
            if state in ("stopping", "exited", "failed", "pending"):
                del self.jobs[ident]
            else:
                self.set(ident, "stopping")
        elif state in ("exited", "failed"):
            return
        elif job.spec.kind != "service" and state == "running":
            self.set(ident, "exited", exit_code=self.exit_code)
        elif state == "running" and job.spec.release in self.bad:
            self.set(ident, "failed", reason="not healthy within 60 s", started=self.now)
        elif self.random.random() < chaos:
            fates = ["failed", "exited", *(["unhealthy"] if state == "up" else [])]  # unhealthy: was up before
            self.set(ident, self.random.choice(fates), exit_code=1)
        elif state != NEXT.get(state, "starting"):
            self.set(ident, NEXT.get(state, "starting"))

    def set(self, ident: str, state: str, **more: Any) -> None:
        job = self.jobs[ident]
        self.jobs[ident] = replace(job, status=status(job.spec, state, self.now, **more))

    def kill(self, name: str) -> None:
        """Power a host off; it keeps its jobs' keys."""
        self.gone.setdefault(name, self.now)

    def revive(self, name: str) -> None:
        self.gone.pop(name, None)

    # -- what can be seen -------------------------------------------------------------------------------------

    def of(self, app: str, process: str = "web") -> list[Job]:
        return [job for job in self.jobs.values() if (job.spec.app, job.spec.process) == (app, process)]

    def up(self, app: str, process: str = "web") -> int:
        """Jobs that serve and were not asked to stop."""
        return sum(
            job.status is not None
            and job.status.state == "up"
            and job.spec.desired == "run"
            and job.spec.host not in self.gone
            for job in self.of(app, process)
        )

    def up_of(self, app: str, version: int, process: str = "web") -> int:
        return sum(
            job.spec.release == version
            and job.status is not None
            and job.status.state == "up"
            and job.spec.host not in self.gone
            for job in self.of(app, process)
        )

    def alive(self, app: str, process: str = "web") -> int:
        """Jobs that may have a container, on hosts that may be there."""
        return sum(self._alive(job) for job in self.of(app, process))

    def _alive(self, job: Job) -> bool:
        if self.now - self.gone.get(job.spec.host, self.now) > self.limits.host_grace:
            return False
        if job.status and job.status.state == "stopping":
            due = job.status.changed + job.spec.drain_deadline + job.spec.stop_grace + OVERDUE
            return self.now <= due
        return job.status is None or job.status.state not in ("exited", "failed")

    def settle(self, rounds: int = 200) -> None:
        """Plan, act and step until two plans in a row, far apart, have nothing to do."""
        quiet = 0
        for _ in range(rounds):
            actions = self.plan()
            self.carry_out(actions)
            quiet = quiet + 1 if not actions else 0
            if quiet > 30:
                return
            self.tick(1.0 if quiet < 20 else 5.0)
        raise AssertionError(f"not settled: {self.plan()}")


__all__ = ["IMAGES", "START", "WEB", "WORKER", "Health", "Resources", "World", "host", "release", "spec_of", "status"]
