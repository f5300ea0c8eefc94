"""How a job ends: deregistered, drained, SIGTERM, SIGKILL, removed, forgotten. Pure, like ``decide``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..wire.routing import RouterStatus
from .model import Container, Decision, Do, Memory, Registration, View
from .moves import enter, registers

RECHECK = 1.0  # seconds after which forgetting is tried again


def drained(job: str, registration: Registration, routers: Mapping[str, RouterStatus]) -> bool:
    """Whether every live router has dropped ``job`` and has no session left on it."""
    gone = registration.gone
    if gone is None:
        return False
    return all(router.revision >= gone and not router.drains.get(job) for router in routers.values())


def leave(view: View) -> Decision:
    """The next step towards the job's end, or towards its replacement when ``memory.replacing``."""
    if view.container is None:
        return _gone(view)
    if not view.container.running:
        return Decision(memory=view.memory, do=Do.REMOVE)
    if view.memory.state not in ("draining", "stopping"):
        return _enter(view)
    return _drain(view) if view.memory.state == "draining" else _stop(view, view.container)


def _enter(view: View) -> Decision:
    routed = registers(view.spec) and view.memory.state in ("running", "up", "unhealthy")
    memory = enter(replace(view.memory, term_at=0.0), "draining" if routed else "stopping", view.now)
    return leave(replace(view, memory=memory))


def _drain(view: View) -> Decision:
    end = view.memory.changed + view.spec.drain_deadline
    if view.now < end and not drained(view.spec.id, view.registration, view.routers):
        return Decision(memory=view.memory, wake=end)
    return leave(replace(view, memory=enter(view.memory, "stopping", view.now)))


def _stop(view: View, container: Container) -> Decision:
    memory = view.memory
    if not memory.term_at:
        return Decision(memory=replace(memory, term_at=view.now), do=Do.TERM)
    end = memory.term_at + view.spec.stop_grace
    if view.now < end:
        return Decision(memory=memory, wake=end)
    return Decision(memory=memory, do=Do.KILL)


def _gone(view: View) -> Decision:
    memory = view.memory
    if view.spec.desired == "stop":
        return Decision(memory=memory, do=Do.FORGET, wake=view.now + RECHECK)
    fresh_start = Memory(state="pending", changed=view.now, restarts=memory.restarts, was_up=memory.was_up)
    return Decision(memory=fresh_start, wake=view.now)
