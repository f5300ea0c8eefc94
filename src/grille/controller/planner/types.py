"""What the planner reads (State, Limits) and what it answers (Actions): frozen records, no I/O.

How the edge carries actions out:

* The snapshot is of one revision: jobs and tickets are written together and must be seen together.
* In the order given, each guarded by the ``mod_revision`` that the record had in that snapshot (a record that
  was not there: ``expect=0``). An action that meets a Conflict is dropped: the next plan, made from a newer
  snapshot, says again what is still to be done. So no action needs to be remembered.
* Planning is level-triggered: the same state and time give the same actions. The edge plans after every
  change of its mirror (debounced) and at least once a second: backoffs and deadlines go by without a change.
* What one action writes, it writes in one transaction.

The edge never writes a job's status. What the API writes: App (``destroying=True`` to destroy it), Release and
its ticket (``ticket.created >= release.created >= app.created``, ``last_release`` counted up in the same
transaction), routes, ``Formation.processes`` when scaling, tickets and their ``cancel``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from grille.wire.specs import App, Formation, HostStatus, JobSpec, JobStatus, Release, Resources, Ticket


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """The stack's images: ``run`` for slugs (apps and one-off runs), ``build`` for builds."""

    run: str
    build: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The settings of planning. Durations in seconds.

    ``host_grace``: how long a host's status may be away before its jobs are started elsewhere.
    ``host_forget``: after this long away the keys of its jobs are deleted.
    ``deployment_step``: how long a deployment may go without progress; longer than an agent tries to start a job
    (120 s), so that the job's own reason is seen first.
    ``replace_backoff``: how long a job that failed stays before another takes its place.
    ``keep_jobs``: how long an ended one-off or build job stays (for its logs); ``keep_orphans``: the same where
    there is no app (a first deploy that failed), long enough for its last log lines to be read.
    ``keep_tickets``, ``keep_tickets_count``: ended tickets stay this long, and at most so many per queue (those
    that ended within ``keep_jobs`` always stay).
    ``publish_deadline``: how long the edge may take to publish a build that ended.
    """

    services: int = 4
    ephemeral: int = 8
    builds: int = 2
    run_resources: Resources = field(default_factory=Resources)
    build_resources: Resources = field(default_factory=lambda: Resources(memory=2048, cpu=2.0, pids=2048))
    host_grace: float = 10.0
    host_forget: float = 3600.0
    deployment_step: float = 150.0
    replace_backoff: float = 10.0
    keep_jobs: float = 600.0
    keep_orphans: float = 5.0
    keep_tickets: float = 86400.0
    keep_tickets_count: int = 50
    publish_deadline: float = 300.0


@dataclass(frozen=True, slots=True)
class Job:
    """A job's desired state and what its agent says of it (None: nothing yet)."""

    spec: JobSpec
    status: JobStatus | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """One snapshot of everything that planning depends upon.

    ``hosts`` are the live ones (their status is there). ``hosts_gone``: host -> when the edge first saw that
    a host that has jobs has no status; the edge keeps it in memory and begins it anew after it was itself cut
    off from the store. A host in neither is taken as just gone. ``jobs`` are all known jobs, those of the
    grid's own bricks too (counted as load, never touched). ``tickets``: of all queues, ended ones too.
    """

    images: Images
    apps: Mapping[str, App] = field(default_factory=dict)
    releases: Mapping[tuple[str, int], Release] = field(default_factory=dict)
    formations: Mapping[str, Formation] = field(default_factory=dict)
    jobs: Sequence[Job] = ()
    hosts: Mapping[str, HostStatus] = field(default_factory=dict)
    hosts_gone: Mapping[str, float] = field(default_factory=dict)
    tickets: Mapping[str, Ticket] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetTicket:
    """Write ``after`` over ``before``."""

    before: Ticket
    after: Ticket


@dataclass(frozen=True, slots=True)
class DeleteTicket:
    """Drop an ended ticket."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class StartJob:
    """Put ``spec`` with ``expect=0``, together with ``ticket`` when there is one.

    A spec of kind ``build`` comes without env: the edge adds the signed URLs and the ticket's env
    (docs/contracts.md, Builds) before it writes it.
    """

    spec: JobSpec
    ticket: SetTicket | None = None


@dataclass(frozen=True, slots=True)
class StopJob:
    """Put ``spec``, which says ``desired="stop"``, over the job's spec (same host, same id)."""

    spec: JobSpec


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete spec and status of a job whose host is long gone."""

    host: str
    job: str


@dataclass(frozen=True, slots=True)
class SetDeployment:
    """A deployment starts, succeeds or fails: write the ticket and the formation in one transaction.

    ``formation_after`` None: delete it; equal to ``formation_before``: leave it. When ``failed`` is set,
    first fetch that job's last log lines from its host's agent (bounded in time, best effort), put them in
    ``after.result["logs"]`` as a list of strings: the job is stopped by the plans that follow. The failed
    release is deleted by a DeleteRelease that follows too.
    """

    before: Ticket
    after: Ticket
    formation_before: Formation | None
    formation_after: Formation | None
    failed: Job | None = None


@dataclass(frozen=True, slots=True)
class FinishBuild:
    """A builder exited with 0 or 1: read ``builds/<ticket>/result.json`` in shelf and end the ticket.

    0: move the slug to ``slugs/<digest>.squashfs`` and set ``succeeded`` with the document as result.
    1: set ``failed`` with the document's error (reason, code, remedy), or ``build_failed`` without one.
    Both with ``finished`` = now. The plan repeats this action until the ticket has ended; when shelf does not
    answer, do nothing: after ``Limits.publish_deadline`` the plan fails the ticket.
    """

    ticket: Ticket
    exit_code: int


@dataclass(frozen=True, slots=True)
class DeleteRelease:
    """Delete the record of a release whose deployment failed."""

    app: str
    version: int


@dataclass(frozen=True, slots=True)
class DeleteApp:
    """Delete an app's releases, formation and routes, and its record last; its tickets stay until pruned."""

    app: str


Action: TypeAlias = (
    SetTicket | DeleteTicket | StartJob | StopJob | DeleteJob | SetDeployment | FinishBuild | DeleteRelease | DeleteApp
)
