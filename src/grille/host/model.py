"""What the decisions about one job are made from, and what they are made of. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ..wire.routing import RouterStatus
from ..wire.specs import JobSpec, JobState


@dataclass(frozen=True, kw_only=True)
class Container:
    """A job's container as Docker shows it. ``started`` 0: made, never started. Times: seconds since the epoch."""

    id: str
    running: bool
    started: float = 0.0
    exit_code: int = 0
    address: str = ""
    digest: str = ""  # its label grille.spec
    oom: bool = False


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What the agent remembers of a job between two decisions.

    ``run`` names the run being watched (container id, start time); ``counted`` the run whose death was counted.
    ``fresh``: the agent (or Docker) has just come back and has not seen the job alive since, so that finding it
    dead is no crash.
    """

    state: JobState = "pending"
    changed: float = 0.0
    reason: str = ""
    exit_code: int | None = None
    restarts: int = 0
    crashes: int = 0  # in a row, for the backoff
    was_up: bool = False
    fresh: bool = False
    run: tuple[str, float] | None = None
    counted: tuple[str, float] | None = None
    run_since: float = 0.0
    healthy: bool = False
    failures: int = 0  # probes failed in a row
    probe_at: float = 0.0
    registered_at: float = 0.0  # when the store had the registration
    retry_at: float = 0.0  # the next start is not before this
    starting_since: float = 0.0
    term_at: float = 0.0
    killed: bool = False  # the agent ended it: ran too long
    replacing: bool = False  # being stopped to be made anew from a changed spec


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A job's key under services/, as the registry has it.

    ``revision`` > 0: it is there since that revision. ``gone``: the revision since which it is not there (1 when
    it never was), None while it is there or being deleted.
    """

    revision: int = 0
    gone: int | None = 1


@dataclass(frozen=True, kw_only=True)
class View:
    """All that a decision may look at."""

    spec: JobSpec
    digest: str  # of the spec, as containers.digest gives it
    container: Container | None
    memory: Memory
    registration: Registration = field(default_factory=Registration)
    routers: Mapping[str, RouterStatus] = field(default_factory=dict)
    now: float


class Do(Enum):
    """What the worker is to do next."""

    CREATE = "create"  # fetch image and slug, make the volume and the container
    START = "start"  # empty the volume, start the container
    PROBE = "probe"  # one health check
    TERM = "term"
    KILL = "kill"
    REMOVE = "remove"  # container and volume
    FORGET = "forget"  # delete spec and status from the store


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The next memory, at most one thing to do, and when to decide again if nothing happens before.

    ``registered``: whether the job is to be found under its service. ``wake`` None: only when something changes.
    """

    memory: Memory
    do: Do | None = None
    registered: bool = False
    wake: float | None = None


FINAL: frozenset[JobState] = frozenset({"exited", "failed"})
