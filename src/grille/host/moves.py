"""Small pure steps that the decisions share, and what an outcome (probe, refused start) does to the memory."""

from __future__ import annotations

from dataclasses import replace

from ..wire.specs import JobSpec, JobState, JobStatus
from .model import Memory

START_DEADLINE = 120.0  # seconds in which a job that was never up must get its image, slug and container
BOOT_POLL, SLOW_BOOT_POLL, SLOW_BOOT = 0.1, 0.2, 10.0
START_RETRY = 2.0


def enter(memory: Memory, state: JobState, now: float, reason: str = "") -> Memory:
    """``memory`` in ``state``, since now if it was in another."""
    if memory.state == state:
        return replace(memory, reason=reason or memory.reason)
    return replace(memory, state=state, changed=now, reason=reason)


def registers(spec: JobSpec) -> bool:
    """Whether the job is to be found under a service when it is well."""
    return bool(spec.service and spec.port)


def hardy(spec: JobSpec, memory: Memory) -> bool:
    """Whether the job is restarted for ever: the grid's own, and what was up once."""
    return spec.critical or memory.was_up


def backoff(crashes: int) -> float:
    """Seconds before the restart after the ``crashes``-th crash in a row: 0 five times, 10 ten times, then 30."""
    return 0.0 if crashes <= 5 else 10.0 if crashes <= 15 else 30.0


def probed(memory: Memory, spec: JobSpec, well: bool, now: float) -> Memory:
    """``memory`` after a health check that ended at ``now``."""
    settled = memory.state in ("up", "unhealthy")
    pause = SLOW_BOOT_POLL if now - memory.run_since > SLOW_BOOT else BOOT_POLL
    if well:
        return replace(memory, healthy=True, failures=0, probe_at=now + spec.health.interval)
    failures = memory.failures + 1
    healthy = memory.healthy and failures < spec.health.threshold
    return replace(
        memory, healthy=healthy, failures=failures, probe_at=now + (spec.health.interval if settled else pause)
    )


def started(memory: Memory) -> Memory:
    """``memory`` after Docker started the container."""
    return replace(memory, fresh=False, retry_at=0.0, healthy=False, failures=0, killed=False)


def refused(memory: Memory, spec: JobSpec, reason: str, now: float, *, final: bool) -> Memory:
    """``memory`` after a create or start that failed.

    Args:
        final: trying again cannot help (no such image, an impossible command).
    """
    since = memory.starting_since or now
    over = final or now >= since + START_DEADLINE
    if over and not hardy(spec, memory):
        return enter(memory, "failed", now, reason)
    return replace(memory, reason=reason, retry_at=now + (10.0 if over else START_RETRY))


def remembered(status: JobStatus | None, now: float) -> Memory:
    """The memory of an agent that has just started, from the status that its former life left."""
    if status is None:
        return Memory(changed=now, fresh=True)
    known_up = status.state in ("up", "unhealthy", "draining")
    return Memory(
        state=status.state,
        changed=status.changed,
        reason=status.reason,
        exit_code=status.exit_code,
        restarts=status.restarts,
        was_up=known_up or status.restarts >= 3,  # a job never up is failed after three exits
        fresh=True,
        run=(status.container, status.started) if status.container and status.started else None,
        healthy=status.state == "up",
    )
