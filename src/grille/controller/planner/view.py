"""What one plan derives from the state once: indexes, where each host stands, load, free ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import count
from typing import Literal

from grille.wire.names import job_id
from grille.wire.specs import App, QueueName, Release, Ticket

from .placement import Placer
from .types import Job, Limits, State

Whereabouts = Literal["live", "away", "lost"]  # away: within its grace


def ended(job: Job) -> bool:
    """Whether the job is over for good: its container is gone or ended, and no agent will start it again."""
    return job.status is not None and job.status.state in ("exited", "failed")


def since(job: Job) -> float:
    """When the job's state last changed."""
    return job.status.changed if job.status else job.spec.created


class View:
    """The state, indexed. Nothing here changes while a plan is made, but the placer."""

    def __init__(self, state: State, limits: Limits, now: float) -> None:
        self.state, self.limits, self.now = state, limits, now
        self.services: dict[str, dict[str, list[Job]]] = defaultdict(lambda: defaultdict(list))
        self.work: dict[str, Job] = {}  # one-off runs and builds, by id
        self.ids: set[str] = set()
        self.load: dict[str, int] = dict.fromkeys(state.hosts, 0)
        for job in state.jobs:
            self._index(job)

    def _index(self, job: Job) -> None:
        spec = job.spec
        self.ids.add(spec.id)
        if spec.host in self.load and not ended(job):
            self.load[spec.host] += 1
        if spec.critical:
            return
        if spec.kind == "service":
            self.services[spec.app][spec.process].append(job)
        else:
            self.work[spec.id] = job

    @cached_property
    def placer(self) -> Placer:
        """Chooses hosts; remembers what this plan has placed."""
        return Placer(self.state.hosts.values(), self.load)

    @cached_property
    def open_tickets(self) -> dict[QueueName, list[Ticket]]:
        """The tickets that have not ended, per queue, oldest first."""
        queues: dict[QueueName, list[Ticket]] = {"services": [], "ephemeral": [], "builds": []}
        for ticket in self.state.tickets.values():
            if ticket.state in ("queued", "running"):
                queues[ticket.queue].append(ticket)
        for tickets in queues.values():
            tickets.sort(key=lambda ticket: (ticket.created, ticket.id))
        return queues

    def where(self, host: str) -> Whereabouts:
        """Whether a host is live, away (within its grace) or lost."""
        if host in self.state.hosts:
            return "live"
        gone_for = self.now - self.state.hosts_gone.get(host, self.now)
        return "lost" if gone_for > self.limits.host_grace else "away"

    def is_up(self, job: Job) -> bool:
        """Whether the job serves and is meant to: up, on a live host, not asked to stop."""
        state = job.status.state if job.status else "pending"
        return state == "up" and job.spec.desired == "run" and job.spec.host in self.state.hosts

    def app(self, name: str) -> App | None:
        """The app, when it is one that users deploy and that is not being destroyed."""
        app = self.state.apps.get(name)
        return None if app is None or app.system or app.destroying else app

    def current(self, app: str) -> Release | None:
        """The release that the app's formation names, None when there is none."""
        formation = self.state.formations.get(app)
        return self.state.releases.get((app, formation.release)) if formation else None

    def free_ids(self, app: str, process: str, release: int) -> Iterator[str]:
        """Ids for new jobs, by the smallest numbers that no known job has."""
        for number in count(1):
            ident = job_id(app, process, release, number)
            if ident not in self.ids:
                yield ident
