"""Deployments: order, waves, failures, first releases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grille.controller.planner import DeleteRelease, SetDeployment, SetTicket, StartJob, StopJob
from grille.wire.specs import Formation, ProcessType, Scale
from tests.unit.planner.world import WEB, WORKER, World


def deployed(**counts: int) -> World:
    world = World(hosts=3)
    world.add_app(**(counts or {"web": 4, "worker": 1}))  # type: ignore[arg-type]
    world.settle()
    return world


def test_it_starts_half_more_and_stops_the_old_as_the_new_come_up() -> None:
    world = deployed(web=4, worker=0)
    ticket = world.deploy()
    (begin,) = world.plan()
    assert isinstance(begin, SetDeployment)
    assert begin.after.state == "running"
    world.carry_out([begin])
    first = world.plan()
    assert [type(action) for action in first] == [StartJob, StartJob]
    world.carry_out(first)
    assert world.plan() == []
    new = [job.spec.id for job in world.of("shop") if job.spec.release == 2]
    world.set(new[0], "up")
    (stop,) = world.plan()
    assert isinstance(stop, StopJob)
    assert stop.spec.release == 1
    world.settle()
    assert world.up_of("shop", 2) == len(world.of("shop")) == 4
    assert world.tickets[ticket.id].state == "succeeded"
    assert world.tickets[ticket.id].result == {"release": 2}


def test_old_jobs_that_may_still_serve_are_kept() -> None:
    """Those on a host that is away, and as many that are not up as the count needs."""
    world = deployed(web=2, worker=0)
    away = world.of("shop")[0]
    world.deploy()
    for _ in range(2):
        world.carry_out(world.plan())
    world.kill(away.spec.host)
    assert [action for action in world.plan() if isinstance(action, StopJob)] == []
    world.revive(away.spec.host)
    for job in world.of("shop"):
        world.set(job.spec.id, "crashed" if job.spec.release == 1 else "starting")
    stops = [action for action in world.plan() if isinstance(action, StopJob)]
    assert len(stops) == 1  # the one new job makes one old one superfluous


def test_a_failed_ticket_of_an_earlier_app_of_the_name_deletes_no_release() -> None:
    world = deployed()
    world.deploy()
    world.settle()
    old = world.queue("services", "shop", {"release": 1}, state="failed", finished=world.now)
    world.tickets = {old.id: replace(old, created=0.0)}
    assert world.plan() == []
    world.tickets = {old.id: old}
    assert world.plan() == [DeleteRelease("shop", 1)]


def test_deployments_of_one_app_take_turns_and_those_of_others_do_not_wait() -> None:
    world = deployed()
    world.add_app("blog", web=1)
    world.settle()
    first, second, other = world.deploy(), world.deploy(), world.deploy("blog")
    world.carry_out(world.plan())
    states = [world.tickets[ticket.id].state for ticket in (first, second, other)]
    assert states == ["running", "queued", "running"]
    world.settle()
    assert world.formations["shop"].release == 3
    assert world.tickets[second.id].payload["previous"] == 2


def test_no_more_run_at_a_time_than_the_limit() -> None:
    world = World(hosts=1)
    for number in range(6):
        world.add_app(f"app{number}", web=0)
        world.deploy(f"app{number}")
    world.carry_out(world.plan())
    assert sum(ticket.state == "running" for ticket in world.tickets.values()) == world.limits.services


def test_process_types_come_and_go_with_the_release() -> None:
    world = deployed(web=2, worker=1)
    world.deploy(web=WEB, clock=ProcessType(command="tick"))
    world.settle()
    assert world.formations["shop"].processes == {"web": Scale(count=2), "clock": Scale(count=0)}
    assert world.of("shop", "worker") == []


def test_jobs_of_a_process_type_that_goes_stay_until_the_new_are_up() -> None:
    world = deployed(web=1, worker=1)
    world.deploy(web=WEB)
    for _ in range(3):
        world.carry_out(world.plan())
    assert world.up("shop", "worker") == 1
    world.settle()
    assert world.of("shop", "worker") == []


def test_scaling_meanwhile_is_kept_by_success_and_by_failure() -> None:
    for bad in (set(), {2}):
        world = deployed(web=2, worker=1)
        world.bad = bad
        world.deploy()
        world.carry_out(world.plan())
        world.scale("shop", "web", 5)
        world.settle(rounds=400)
        assert world.formations["shop"].processes["web"].count == world.up("shop") == 5
        assert world.formations["shop"].release == (1 if bad else 2)


def test_a_bad_release_scaled_up_and_then_down_to_one_does_not_stand() -> None:
    """Whatever of it is surplus by then is stopped before it fails; the one that is left fails the deployment."""
    for ticks in range(8):
        world = deployed(web=3, worker=1)
        world.bad.add(2)
        ticket = world.deploy()
        for number in range(ticks + 2):
            world.carry_out(world.plan())
            if number == 1:
                world.scale("shop", "web", 6)
            world.tick()
        world.scale("shop", "web", 1)
        world.scale("shop", "worker", 0)
        world.settle(rounds=400)
        assert world.tickets[ticket.id].state == "failed"
        assert (world.formations["shop"].release, world.up_of("shop", 1)) == (1, 1)


@pytest.mark.parametrize(
    ("state", "more", "code"),
    [
        ("failed", {"started": 1.0, "reason": "nothing accepted connections on port 5000"}, "boot_timeout"),
        ("failed", {"started": 1.0, "exit_code": 3, "reason": "exited with code 3"}, "crashed"),
        ("failed", {"reason": "no such image"}, "start_failed"),
        ("crashed", {"started": 1.0, "restarts": 3, "exit_code": 1}, "crashed"),
    ],
)
def test_a_new_job_that_fails_fails_the_deployment(state: str, more: dict[str, object], code: str) -> None:
    world = deployed()
    ticket = world.deploy()
    for _ in range(2):
        world.carry_out(world.plan())
    job = next(job for job in world.of("shop") if job.spec.release == 2)
    world.set(job.spec.id, state, **more)
    (fail,) = world.plan()
    assert isinstance(fail, SetDeployment)
    assert fail.failed == world.jobs[job.spec.id]
    assert (fail.after.state, fail.after.code, fail.after.job, fail.after.host) == (
        "failed",
        code,
        job.spec.id,
        job.spec.host,
    )
    assert fail.after.remedy
    assert fail.after.reason == f"web: {more.get('reason', 'exited with code 1')}"
    world.carry_out([fail])
    actions = world.plan()
    assert DeleteRelease("shop", 2) in actions
    assert {action.spec.release for action in actions if isinstance(action, StopJob)} == {2}
    world.settle()
    assert world.up_of("shop", 1) == 4
    assert world.tickets[ticket.id].state == "failed"


def test_a_crash_that_a_job_of_the_old_release_has_fails_nothing() -> None:
    world = deployed()
    world.set(world.of("shop")[0].spec.id, "failed")
    ticket = world.deploy()
    world.settle()
    assert world.tickets[ticket.id].state == "succeeded"


def test_it_times_out_without_progress_and_not_with_it() -> None:
    world = deployed(web=1, worker=0)
    ticket = world.deploy()
    world.carry_out(world.plan())
    world.carry_out(world.plan())
    (new,) = (job.spec.id for job in world.of("shop") if job.spec.release == 2)
    world.now += world.limits.deployment_step - 1
    world.set(new, "starting")
    world.now += world.limits.deployment_step
    assert world.plan() == []
    world.now += 1
    world.carry_out(world.plan())
    ended = world.tickets[ticket.id]
    assert (ended.state, ended.code, ended.job) == ("failed", "timed_out", new)
    assert "0 of 1 web up" in ended.reason


def test_it_ends_at_its_deadline_whatever_moves() -> None:
    world = deployed()
    ticket = world.deploy()
    world.carry_out(world.plan())
    for _ in range(20):
        world.now += 50
        world.carry_out(world.plan())
        for job in world.of("shop"):
            if job.spec.release == 2:
                world.set(job.spec.id, "starting")
    assert world.tickets[ticket.id].code == "timed_out"
    assert "900 s" in world.tickets[ticket.id].reason


@pytest.mark.parametrize("when", ["queued", "running"])
def test_cancelling_gives_the_former_release_back(when: str) -> None:
    world = deployed()
    ticket = world.deploy(scale={"web": 9})
    for _ in range(3 if when == "running" else 0):
        world.carry_out(world.plan())
    world.tickets[ticket.id] = replace(world.tickets[ticket.id], cancel=True)
    world.settle()
    assert world.tickets[ticket.id].state == "cancelled"
    assert (world.formations["shop"].release, world.up_of("shop", 1)) == (1, 4)
    assert ("shop", 2) not in world.releases


def test_a_first_release_makes_the_formation() -> None:
    world = World(hosts=2)
    world.add_app(version=0)
    world.deploy(scale={"worker": 2})
    world.settle()
    scales = {"web": Scale(count=1), "worker": Scale(count=2)}
    assert world.formations["shop"] == Formation(app="shop", release=1, processes=scales)
    assert (world.up("shop", "web"), world.up("shop", "worker")) == (1, 2)


def test_a_first_release_that_fails_leaves_nothing() -> None:
    world = World(hosts=2)
    world.add_app(version=0)
    world.bad.add(1)
    world.deploy()
    world.settle()
    assert (world.apps, world.releases, world.formations, world.jobs) == ({}, {}, {}, {})


def test_an_app_made_again_after_that_is_left_alone() -> None:
    world = World(hosts=2)
    world.add_app(version=0)
    world.bad.add(1)
    world.deploy()
    world.settle()
    world.now += 1
    world.add_app(version=0)
    world.bad.clear()
    world.settle()
    assert "shop" in world.apps
    world.deploy(web=WEB, worker=WORKER)
    world.settle()
    assert world.up_of("shop", 1) == 1


def test_what_cannot_be_deployed_says_so() -> None:
    world = deployed()
    gone = world.queue("services", "shop", {"release": 7})
    wrong = world.deploy(scale={"wbe": 2})
    world.carry_out(world.plan())
    world.settle()
    assert (world.tickets[gone.id].state, world.tickets[gone.id].code) == ("failed", "not_found")
    assert world.tickets[wrong.id].code == "unknown_process_type"
    assert world.tickets[wrong.id].remedy == "use one of: web, worker"
    world.apps["shop"] = replace(world.apps["shop"], system=True)
    world.deploy()
    (action,) = world.plan()
    assert isinstance(action, SetTicket)
    assert action.after.reason == "shop is one of the grid's own bricks"
