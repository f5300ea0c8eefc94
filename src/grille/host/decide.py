"""What to do next about one job: a pure function of spec, Docker's view, memory, routers and the time.

pending → starting → running → up → draining → stopping → gone; crashed → starting; failed and exited are final.
"""

from __future__ import annotations

from dataclasses import replace

from ..wire.specs import JobSpec, JobState
from .leave import leave
from .model import FINAL, Container, Decision, Do, Memory, View
from .moves import backoff, enter, hardy, registers

ACK_DEADLINE = 5.0  # seconds that routers have to acknowledge a registration
SETTLE = 2.0  # seconds of running after which a job without checks is well
STEADY = 60.0  # seconds up after which earlier crashes are forgotten
SIGKILLED = 128 + 9
EARLY_EXITS = 3  # exits in a row, before ever being up, that make a job failed


def decide(view: View) -> Decision:
    """The next step of one job; called again after each step, each change and at ``wake``."""
    memory, container = view.memory, view.container
    if view.spec.desired == "stop" or memory.replacing:
        return leave(view)
    if memory.state in FINAL:
        stray = container is not None and container.running
        return Decision(memory=memory, do=Do.KILL if stray else None)
    if container is None:
        return _create(view)
    if view.spec.critical and container.digest != view.digest:
        return leave(replace(view, memory=replace(memory, replacing=True)))
    if container.running:
        return _alive(view, container)
    if not container.started:
        return _begin(view, Do.START)
    return _dead(view, container)


def _create(view: View) -> Decision:
    memory = view.memory
    if _once(view.spec) and memory.run is not None:
        return Decision(memory=enter(memory, "failed", view.now, "its container disappeared"))
    return _begin(view, Do.CREATE)


def _begin(view: View, do: Do) -> Decision:
    """CREATE or START, not before ``retry_at``."""
    memory = view.memory
    if view.now < memory.retry_at:
        return Decision(memory=memory, wake=memory.retry_at)
    if memory.state != "starting" or not memory.starting_since:
        memory = replace(enter(memory, "starting", view.now), starting_since=view.now)
    return Decision(memory=memory, do=do)


def _alive(view: View, container: Container) -> Decision:
    memory = _watched(view.memory, container, view.now)
    if view.spec.kind != "service":
        return _ephemeral(view, container, memory)
    if not view.spec.port or view.spec.health.type == "none":
        well_at = container.started + SETTLE
        if view.now < well_at and not memory.healthy:
            return Decision(memory=memory, wake=well_at)
        memory = replace(memory, healthy=True)
    elif view.now >= memory.probe_at:
        return Decision(memory=memory, do=Do.PROBE, registered=_listed(view.spec, memory))
    return _well(view, memory) if memory.healthy else _unwell(view, memory)


def _watched(memory: Memory, container: Container, now: float) -> Memory:
    """``memory`` looking at this run of the container; a run that is new to it starts from nothing."""
    run = (container.id, container.started)
    if memory.run == run:
        if memory.state not in ("running", "up", "unhealthy"):  # adopted, or a stop was taken back
            memory = enter(memory, "running", now)
        return replace(memory, fresh=False, run_since=memory.run_since or now)
    memory = enter(memory, "running", now)
    return replace(
        memory, fresh=False, run=run, run_since=now, healthy=False, failures=0, probe_at=now, registered_at=0.0
    )


def _ephemeral(view: View, container: Container, memory: Memory) -> Decision:
    """A build or one-off run: it has no health, only a deadline."""
    if not view.spec.deadline:
        return Decision(memory=memory)
    end = container.started + view.spec.deadline
    if view.now < end:
        return Decision(memory=memory, wake=end)
    reason = f"ran longer than its deadline of {view.spec.deadline:g} s and was killed"
    return Decision(memory=replace(memory, killed=True, reason=reason), do=Do.KILL)


def _well(view: View, memory: Memory) -> Decision:
    """The check passes: register, wait for the routers, be up."""
    wake = memory.probe_at if view.spec.port and view.spec.health.type != "none" else None
    if memory.state == "unhealthy":
        memory = enter(replace(memory, registered_at=0.0), "running", view.now)
    if memory.state != "running":
        return Decision(memory=memory, registered=registers(view.spec), wake=wake)
    if registers(view.spec):
        revision = view.registration.revision
        if not revision:
            return Decision(memory=memory, registered=True, wake=wake)
        memory = replace(memory, registered_at=memory.registered_at or view.now)
        lagging = any(router.revision < revision for router in view.routers.values())
        patience = memory.registered_at + ACK_DEADLINE
        if lagging and view.now < patience:
            return Decision(memory=memory, registered=True, wake=min(patience, wake or patience))
    memory = replace(enter(memory, "up", view.now), was_up=True)
    return Decision(memory=memory, registered=registers(view.spec), wake=wake)


def _unwell(view: View, memory: Memory) -> Decision:
    """The check does not pass: a boot that takes too long, or a job that was up and is not well any more."""
    limit = view.spec.health.boot_timeout
    if memory.state == "up":
        memory = enter(memory, "unhealthy", view.now, _check_failed(view.spec))
    if memory.state == "unhealthy":
        if view.now >= memory.changed + limit:
            return Decision(memory=replace(memory, killed=True), do=Do.KILL)
        return Decision(memory=memory, wake=memory.probe_at)
    if view.now < memory.run_since + limit:
        return Decision(memory=memory, wake=memory.probe_at)
    reason = f"{_check_failed(view.spec)} within {limit:g} s of its start"
    if hardy(view.spec, memory):
        return Decision(memory=replace(memory, reason=reason, killed=True), do=Do.KILL)
    return Decision(memory=enter(memory, "failed", view.now, reason), do=Do.KILL)


def _check_failed(spec: JobSpec) -> str:
    if spec.health.type == "http":
        return f"GET {spec.health.path} on port {spec.port} gave no 2xx or 3xx answer"
    return f"nothing accepted connections on port {spec.port}"


def _listed(spec: JobSpec, memory: Memory) -> bool:
    """Whether a job stays registered while its next check runs."""
    return registers(spec) and memory.healthy and memory.state in ("running", "up")


def _dead(view: View, container: Container) -> Decision:
    memory, run = view.memory, (container.id, container.started)
    if _once(view.spec):
        return Decision(memory=_ended(memory, container, view.now))
    if memory.fresh or memory.counted == run:
        return _begin(view, Do.START)
    return Decision(memory=_count(view, memory, container, run), wake=view.now)


def _once(spec: JobSpec) -> bool:
    """Whether the job's command is run at most once."""
    return spec.kind != "service" or spec.restart == "never"


def _ended(memory: Memory, container: Container, now: float) -> Memory:
    state: JobState = "failed" if memory.killed else "exited"
    ended = enter(memory, state, now, memory.reason if memory.killed else _how(container))
    return replace(ended, exit_code=container.exit_code, run=(container.id, container.started), healthy=False)


def _count(view: View, memory: Memory, container: Container, run: tuple[str, float]) -> Memory:
    """``memory`` after a death: crashed with its backoff, or failed."""
    steady = memory.state == "up" and view.now - memory.changed >= STEADY
    crashes = memory.crashes if _from_outside(memory, container) else 1 if steady else memory.crashes + 1
    reason = memory.reason if memory.killed else _how(container)
    memory = replace(memory, counted=run, crashes=crashes, healthy=False, exit_code=container.exit_code)
    if crashes >= EARLY_EXITS and not hardy(view.spec, memory):
        return enter(memory, "failed", view.now, f"{reason}, {crashes} times in a row before it was up")
    memory = enter(memory, "crashed", view.now, reason)
    return replace(memory, restarts=memory.restarts + 1, retry_at=view.now + backoff(crashes))


def _from_outside(memory: Memory, container: Container) -> bool:
    """Whether somebody ended a job that was well (``docker kill``): no crash, so no backoff."""
    return memory.state == "up" and container.exit_code == SIGKILLED and not container.oom


def _how(container: Container) -> str:
    if container.oom:
        return "killed for using more memory than its limit"
    return f"exited with code {container.exit_code}" if container.exit_code else "exited by itself with code 0"
