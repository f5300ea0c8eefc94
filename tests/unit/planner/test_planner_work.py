"""One-off runs and builds, and how long tickets and ended jobs stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from grille.controller.planner import DeleteTicket, FinishBuild, StartJob, StopJob
from grille.wire.specs import Ticket
from tests.unit.planner.world import START, World


@pytest.fixture
def world() -> World:
    world = World(hosts=3)
    world.add_app(web=0)
    return world


def begin(world: World, ticket: Ticket) -> Ticket:
    """Start the ticket's job and let it run."""
    world.carry_out(world.plan())
    world.set(world.tickets[ticket.id].job, "running")
    return world.tickets[ticket.id]


def build(world: World, app: str = "shop", **more: Any) -> Ticket:
    return world.queue("builds", app, {"source": "0"}, max_attempts=3, **more)


def test_a_run_is_a_job_of_the_current_release(world: World) -> None:
    ticket = world.queue("ephemeral", "shop", {"command": "echo hi", "env": {"A": "1"}}, deadline=60.0)
    (start,) = world.plan()
    assert isinstance(start, StartJob)
    spec = start.spec
    assert (spec.kind, spec.command, spec.restart, spec.release) == ("ephemeral", ["run", "echo hi"], "never", 1)
    assert (spec.env["A"], spec.slug) == ("1", world.releases["shop", 1].slug)
    assert spec.deadline > ticket.deadline
    assert start.ticket
    assert (start.ticket.after.state, start.ticket.after.job) == ("running", spec.id)


@pytest.mark.parametrize(
    ("state", "more", "expected", "code"),
    [
        ("exited", {"exit_code": 0}, "succeeded", ""),
        ("exited", {"exit_code": 3}, "failed", "exited"),
        ("failed", {"reason": "no such image"}, "failed", "start_failed"),
    ],
)
def test_a_run_ends_as_its_job_does(world: World, state: str, more: dict[str, Any], expected: str, code: str) -> None:
    ticket = begin(world, world.queue("ephemeral", "shop", {"command": "x"}))
    world.set(ticket.job, state, **more)
    world.carry_out(world.plan())
    ended = world.tickets[ticket.id]
    assert (ended.state, ended.code, ended.result["exit_code"]) == (expected, code, more.get("exit_code"))
    assert ended.finished == world.now


@pytest.mark.parametrize("queue", ["ephemeral", "builds"])
@pytest.mark.parametrize(("how", "code"), [("deadline", "timed_out"), ("cancel", "cancelled")])
def test_a_ticket_that_is_over_before_its_job_stops_the_job(world: World, queue: str, how: str, code: str) -> None:
    ticket = begin(world, world.queue(queue, "shop", {"command": "sleep 999"}, deadline=60.0))
    world.now += 60.5 if how == "deadline" else 1
    world.tickets[ticket.id] = replace(ticket, cancel=how == "cancel")
    world.carry_out(world.plan())
    assert world.tickets[ticket.id].code == code
    (stop,) = world.plan()
    assert isinstance(stop, StopJob)
    assert stop.spec.id == ticket.job


def test_a_run_is_never_tried_twice(world: World) -> None:
    ticket = begin(world, world.queue("ephemeral", "shop", {"command": "x"}))
    world.kill(ticket.host)
    world.now += world.limits.host_grace + 1
    world.carry_out(world.plan())
    assert (world.tickets[ticket.id].state, world.tickets[ticket.id].code) == ("failed", "job_lost")


def test_a_run_of_an_app_without_a_release_fails_at_once(world: World) -> None:
    world.add_app("empty", version=0)
    ticket = world.queue("ephemeral", "empty", {"command": "x"})
    world.carry_out(world.plan())
    assert world.tickets[ticket.id].code == "no_release"


@pytest.mark.parametrize("exit_code", [0, 1])
def test_what_a_builder_said_is_the_edges_to_fetch(world: World, exit_code: int) -> None:
    ticket = begin(world, build(world))
    world.set(ticket.job, "exited", exit_code=exit_code)
    assert world.plan() == [FinishBuild(ticket, exit_code)]
    world.now += world.limits.publish_deadline + 1
    world.carry_out(world.plan())
    assert (world.tickets[ticket.id].state, world.tickets[ticket.id].code) == ("failed", "unavailable")


def test_a_build_that_was_lost_is_tried_again_with_backoff_then_fails(world: World) -> None:
    ticket = build(world)
    jobs = set()
    for attempt in (1, 2, 3):
        started = begin(world, ticket)
        jobs.add(started.job)
        assert started.attempts == attempt
        del world.jobs[started.job]
        world.carry_out(world.plan())
        held = world.tickets[ticket.id]
        if attempt < 3:
            assert (held.state, held.not_before, held.job) == ("queued", world.now + 2**attempt, "")
            assert world.plan() == []
            world.now = held.not_before
    assert (held.state, held.code) == ("failed", "job_lost")
    assert len(jobs) == 3


def test_a_build_that_the_agent_killed_for_its_deadline_is_not_tried_again(world: World) -> None:
    ticket = begin(world, build(world, deadline=60.0))
    world.now += 100
    world.set(ticket.job, "failed", reason="ran longer than its deadline of 90 s and was killed")
    world.carry_out(world.plan())
    assert (world.tickets[ticket.id].state, world.tickets[ticket.id].code) == ("failed", "timed_out")


def test_builds_run_two_at_a_time_and_one_per_app(world: World) -> None:
    tickets = [build(world, app) for app in ("shop", "shop", "blog", "wiki")]
    world.carry_out(world.plan())
    states = [world.tickets[ticket.id].state for ticket in tickets]
    assert states == ["running", "queued", "running", "queued"]
    assert all(job.spec.env == {} and job.spec.kind == "build" for job in world.jobs.values())


def test_tickets_start_oldest_first_and_not_before_their_time(world: World) -> None:
    world.limits = replace(world.limits, ephemeral=1)
    late = world.queue("ephemeral", "shop", {"command": "late"})
    early = world.queue("ephemeral", "shop", {"command": "early"})
    held = world.queue("ephemeral", "shop", {"command": "held"}, not_before=START + 100)
    world.tickets[early.id] = replace(early, created=START - 1)
    world.tickets[held.id] = replace(held, created=START - 2)
    order = []
    for _ in range(3):
        world.carry_out(world.plan())
        (running,) = (ticket for ticket in world.tickets.values() if ticket.state == "running")
        order.append(running.id)
        world.set(running.job, "exited", exit_code=0)
        world.carry_out([action for action in world.plan() if not isinstance(action, StartJob)])
        world.now += 100
    assert order == [early.id, held.id, late.id]


def test_an_ended_job_stays_for_its_logs_then_goes(world: World) -> None:
    ticket = begin(world, world.queue("ephemeral", "shop", {"command": "x"}))
    world.set(ticket.job, "exited", exit_code=0)
    world.carry_out(world.plan())
    world.now += world.limits.keep_jobs - 1
    assert world.plan() == []
    world.now += 1
    (stop,) = world.plan()
    assert isinstance(stop, StopJob)


def test_an_ended_build_of_an_app_that_never_came_to_be_goes_soon(world: World) -> None:
    ticket = begin(world, world.queue("builds", "newcomer", {"source": "0" * 64}))
    world.set(ticket.job, "exited", exit_code=1)
    world.tickets[ticket.id] = replace(world.tickets[ticket.id], state="failed", finished=world.now)
    assert world.plan() == []
    world.now += world.limits.keep_orphans
    assert [type(action) for action in world.plan()] == [StopJob]


def test_a_job_whose_ticket_is_not_known_gets_a_grace(world: World) -> None:
    ticket = begin(world, world.queue("ephemeral", "shop", {"command": "x"}))
    del world.tickets[ticket.id]
    assert world.plan() == []
    world.now += world.limits.host_grace
    assert [type(action) for action in world.plan()] == [StopJob]


def test_ended_tickets_go_by_age_and_by_number(world: World) -> None:
    for number in range(60):
        ticket = world.queue("ephemeral", "shop", {"command": "x"}, state="succeeded", finished=START - number)
        world.tickets[ticket.id] = ticket
    assert world.plan() == []
    world.now = START + world.limits.keep_jobs + 1
    dropped = world.plan()
    assert all(isinstance(action, DeleteTicket) for action in dropped)
    assert len(dropped) == 10
    world.carry_out(dropped)
    assert min(ticket.finished for ticket in world.tickets.values()) == START - 49
    world.now = START + world.limits.keep_tickets + 1
    assert len(world.plan()) == 50
