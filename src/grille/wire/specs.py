"""The records that bricks exchange: plain frozen dataclasses, JSON objects in the store and on the wire.

Times are seconds since the epoch (float), durations seconds (float), memory MiB (int), sizes bytes (int).
Readers ignore fields that they do not know; ``grille.codec`` checks types when a daemon reads or writes one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

BOOT_TIMEOUT = 60.0  # a web process has this long to bind its port (Heroku's R10)
STOP_GRACE = 30.0  # SIGTERM to SIGKILL (Heroku's)
DRAIN_DEADLINE = 30.0  # deregistered to SIGTERM, at most
WEB_PORT = 5000

Kind = Literal["service", "ephemeral", "build"]
JobState = Literal[
    "pending",  # desired, nothing done yet
    "starting",  # the container is being made or started (slug fetched, volumes made)
    "running",  # the container runs; not healthy yet, or not yet acknowledged by every live router
    "up",  # healthy, registered, acknowledged (or healthy, where there is nothing to register)
    "unhealthy",  # was up, fails its health check: deregistered, being watched
    "crashed",  # exited by itself; waits for its backoff to restart
    "draining",  # asked to stop: deregistered, requests in flight finishing
    "stopping",  # SIGTERM sent
    "exited",  # ended for good (restart "never"); exit_code tells how
    "failed",  # could not be started, or never became healthy; reason tells why
]
TicketState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
QueueName = Literal["services", "ephemeral", "builds"]


@dataclass(frozen=True, kw_only=True)
class Health:
    """How the agent finds out that a job is well. ``none``: it is well when it has run for two seconds."""

    type: Literal["tcp", "http", "none"] = "tcp"
    path: str = "/"
    interval: float = 2.0
    timeout: float = 2.0
    threshold: int = 3
    boot_timeout: float = BOOT_TIMEOUT


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Limits of one job's container."""

    memory: int = 512
    cpu: float = 1.0
    pids: int = 512


@dataclass(frozen=True, kw_only=True)
class Slug:
    """A built app, a squashfs file in shelf at ``slugs/<digest>.squashfs``."""

    digest: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder of the host seen in the container. Only the grid's own jobs may have one."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class ProcessType:
    """One line of a Procfile, and how it is run. ``port`` 0: it serves nothing and is not registered.

    An empty ``command`` means the image's own command.
    """

    command: str = ""
    port: int = 0
    health: Health = field(default_factory=Health)
    resources: Resources = field(default_factory=Resources)
    stop_grace: float = STOP_GRACE
    drain_deadline: float = DRAIN_DEADLINE


@dataclass(frozen=True, kw_only=True)
class App:
    """An app. ``last_release`` only grows, so that a version is never used twice.

    ``destroying``: everything of it is to go; the record goes last.
    """

    name: str
    created: float
    system: bool = False
    last_release: int = 0
    destroying: bool = False


@dataclass(frozen=True, kw_only=True)
class Release:
    """An immutable pairing of code (a slug or an image) and configuration."""

    app: str
    version: int
    created: float
    slug: Slug | None = None
    image: str = ""
    env: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)  # sealed; opened by the agent when it starts a job
    config: dict[str, int] = field(default_factory=dict)  # the version of each scope that env and secrets come from
    processes: dict[str, ProcessType] = field(default_factory=dict)
    buildpack: str = ""
    source: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How many jobs of a process type, and limits that replace the process type's own."""

    count: int
    memory: int | None = None
    cpu: float | None = None


@dataclass(frozen=True, kw_only=True)
class Formation:
    """What should run of an app: its current release and the scale of each process type."""

    app: str
    release: int
    processes: dict[str, Scale] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """The desired state of one container on one host. Its id is the container's name."""

    id: str
    host: str
    app: str
    process: str
    release: int
    kind: Kind
    image: str
    created: float
    desired: Literal["run", "stop"] = "run"
    command: list[str] = field(default_factory=list)  # arguments to the image's entry point; empty: its own
    slug: Slug | None = None
    env: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)  # sealed
    port: int = 0
    service: str = ""  # the service to register under; empty: none
    health: Health = field(default_factory=Health)
    resources: Resources = field(default_factory=Resources)
    restart: Literal["always", "never"] = "always"
    stop_grace: float = STOP_GRACE
    drain_deadline: float = DRAIN_DEADLINE
    deadline: float = 0.0  # seconds that an ephemeral or build job may run; 0: no limit
    # For the grid's own jobs only:
    critical: bool = False
    network: Literal["bridge", "host"] = "bridge"
    mounts: list[Mount] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)
    cpu_weight: int = 0  # its share of processors when they are short, beside a usual job's 1; 0: the usual one


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """What the agent knows of a job. ``changed`` is when ``state`` last changed."""

    id: str
    host: str
    app: str
    process: str
    release: int
    state: JobState
    changed: float
    reason: str = ""
    exit_code: int | None = None
    container: str = ""
    address: str = ""
    restarts: int = 0
    started: float = 0.0
    revision: int = 0  # of its registration, 0 when not registered


@dataclass(frozen=True, kw_only=True)
class HostStatus:
    """A host as its agent sees it; the key lives as long as the agent's lease."""

    host: str
    address: str
    url: str  # of the agent's HTTP API
    started: float
    updated: float
    cpus: int
    load: float
    memory_total: int
    memory_available: int
    disk_total: int
    disk_free: int
    jobs: int
    docker: str = ""
    version: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HostNetwork:
    """Where a host's containers are: the other hosts reach ``subnet`` (CIDR) through ``address``."""

    host: str
    address: str
    subnet: str


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """One piece of queued work: a deployment, a one-off run or a build.

    ``deadline`` is the seconds that one attempt may take; ``not_before`` holds a retry back; ``cancel`` is
    the user's wish. ``result`` holds what the work gave (a release's version, an exit code, a slug).
    """

    id: str
    queue: QueueName
    app: str
    created: float
    state: TicketState = "queued"
    payload: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0
    max_attempts: int = 1
    not_before: float = 0.0
    started: float = 0.0
    finished: float = 0.0
    deadline: float = 900.0
    cancel: bool = False
    host: str = ""
    job: str = ""
    reason: str = ""
    code: str = ""
    remedy: str = ""
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One registered instance of a service."""

    id: str
    service: str
    address: str
    port: int
    protocol: str = "http"
    host: str = ""
    created: float = 0.0
    app: str = ""
    process: str = ""
    release: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
