"""The agent's decisions: one simulated container per case, driven through its life by ``decide`` alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grille.host.model import Do
from grille.host.moves import backoff, remembered
from grille.wire.specs import JobSpec, JobStatus
from tests.unit.host.world import RUN, SPEC, WORKER, World, router, up


def test_a_job_is_up_when_healthy_registered_and_acknowledged() -> None:
    world = World()
    world.routers, world.lag, world.well = {"r1": router()}, True, False
    world.rest()
    assert (world.memory.state, world.registration.revision) == ("running", 0)
    world.well = True
    world.pass_time(0.5)
    assert (world.memory.state, bool(world.registration.revision)) == ("running", True)
    world.catch_up()
    assert world.rest().memory.state == "up"


def test_a_router_that_lags_for_ever_does_not_hold_a_job_back() -> None:
    world = World()
    world.routers, world.lag = {"r1": router()}, True
    assert world.rest().pass_time(4.5).memory.state == "running"
    assert world.pass_time(1).memory.state == "up"


def test_a_worker_is_up_after_two_seconds() -> None:
    world = World(WORKER).rest().pass_time(1.8)
    assert world.memory.state == "running"
    assert world.pass_time(0.4).memory.state == "up"
    assert Do.PROBE not in world.done


def test_a_boot_that_takes_too_long_fails_with_a_reason_and_kills() -> None:
    world = World()
    world.well = False
    world.rest().pass_time(9.5)
    assert world.memory.state == "running"
    world.pass_time(1)
    assert world.memory.state == "failed"
    assert world.memory.reason == "nothing accepted connections on port 5000 within 10 s of its start"
    assert world.container is not None
    assert not world.container.running


def test_three_exits_before_up_fail_a_job_but_never_one_of_the_grid() -> None:
    for critical, state in ((False, "failed"), (True, "running")):
        world = World(replace(SPEC, critical=critical))
        world.well = False
        world.rest()
        for _ in range(3):
            world.die(3)
            world.rest()
        assert world.memory.state == state, critical
    assert world.memory.restarts == 3


def test_a_crash_restarts_at_once_five_times_then_backs_off() -> None:
    world = up()
    for _ in range(5):
        world.die()
        world.rest()
        assert world.container
        assert world.container.running
    world.die()
    assert world.rest().memory.state == "crashed"
    assert world.memory.reason == "exited with code 1"
    assert world.registration.revision == 0
    assert world.pass_time(9.5).memory.state == "crashed"
    assert world.pass_time(1).memory.state == "up"
    assert world.memory.restarts == 6
    assert [backoff(n) for n in (1, 5, 6, 15, 16)] == [0, 0, 10, 10, 30]


def test_kills_from_outside_are_no_crashes() -> None:
    world = up()
    for _ in range(12):
        world.die(137)
        assert world.rest().pass_time(1).memory.state == "up"
    assert world.memory.restarts == 12


def test_crashes_are_forgotten_after_a_steady_minute() -> None:
    world = up()
    for _ in range(12):
        world.die()
        world.rest().pass_time(61, tick=1)
        assert world.memory.state == "up"
    assert max(b - a for a, b in zip(world.starts, world.starts[1:], strict=False)) < 65


def test_an_unhealthy_job_leaves_the_routers_and_comes_back() -> None:
    world = up()
    world.well = False
    world.pass_time(7)
    assert (world.memory.state, world.registration.revision) == ("unhealthy", 0)
    world.well = True
    assert world.pass_time(2.5).memory.state == "up"
    assert world.registration.revision
    assert len(world.starts) == 1


def test_a_job_unhealthy_for_too_long_is_restarted() -> None:
    world = up()
    world.well = False
    world.pass_time(30)
    assert len(world.starts) >= 2
    assert world.memory.state != "failed"


def test_stopping_waits_for_sessions_then_terms_then_forgets() -> None:
    world = up()
    world.routers = {"r1": router(99, sessions=2)}
    world.spec = replace(world.spec, desired="stop")
    world.rest().pass_time(3)
    assert world.memory.state == "draining"
    assert world.registration.revision == 0
    world.routers = {"r1": router(99)}
    world.rest()
    assert world.done[-3:] == [Do.TERM, Do.REMOVE, Do.FORGET]


def test_stopping_has_deadlines_for_drain_and_grace() -> None:
    world = up()
    world.routers, world.ignores_term = {"r1": router(99, sessions=1)}, True
    world.spec = replace(world.spec, desired="stop")
    world.rest().pass_time(7.5)
    assert Do.TERM not in world.done
    world.pass_time(1)
    assert world.memory.state == "stopping"
    assert Do.KILL not in world.done
    world.pass_time(5)
    assert world.done[-3:] == [Do.KILL, Do.REMOVE, Do.FORGET]


@pytest.mark.parametrize("code", [0, 7])
def test_a_run_ends_once_and_keeps_its_container(code: int) -> None:
    world = World(RUN).rest().pass_time(5)
    assert world.memory.state == "running"
    world.die(code)
    world.rest().pass_time(60, tick=5)
    assert (world.memory.state, world.memory.exit_code, len(world.starts)) == ("exited", code, 1)
    assert world.container is not None


def test_a_run_past_its_deadline_is_killed() -> None:
    world = World(replace(RUN, deadline=3)).rest().pass_time(4)
    assert world.memory.state == "failed"
    assert world.memory.reason == "ran longer than its deadline of 3 s and was killed"


def test_a_run_whose_container_vanished_is_not_run_again() -> None:
    world = World(RUN).rest()
    world.container = None
    assert world.rest().memory.state == "failed"
    assert len(world.starts) == 1


def test_an_image_that_cannot_be_had_fails_a_new_job_only() -> None:
    world = World()
    world.refusal = "no such image"
    assert world.rest().memory.state == "failed"
    old = up()
    old.refusal, old.container = "no such image", None
    assert old.rest().memory.state == "starting"
    old.refusal = ""
    assert old.pass_time(13).memory.state == "up"


def test_a_changed_spec_of_the_grids_own_job_replaces_its_container() -> None:
    world = up(replace(SPEC, critical=True))
    assert world.container is not None
    world.container = replace(world.container, digest="old")
    world.rest().pass_time(1)
    assert world.memory.state == "up"
    assert world.container.digest == "d1"
    assert len(world.starts) == 2
    assert world.memory.restarts == 0


def status(world: World) -> JobStatus:
    memory, container = world.memory, world.container
    assert container is not None
    return JobStatus(
        id=SPEC.id,
        host="h1",
        app="shop",
        process="web",
        release=1,
        state=memory.state,
        changed=memory.changed,
        restarts=memory.restarts,
        container=container.id,
        started=container.started,
        revision=world.registration.revision,
    )


def test_a_new_agent_adopts_what_runs_without_a_gap() -> None:
    world = up()
    world.memory = remembered(status(world), world.now)
    seen: list[int] = []
    for _ in range(50):
        world.now += 0.1
        world.rest()
        seen.append(world.registration.revision)
    assert world.memory.state == "up"
    assert set(seen) == {seen[0]} != {0}
    assert len(world.starts) == 1


def test_a_new_agent_starts_what_died_meanwhile_without_counting_a_crash() -> None:
    world = up()
    world.memory = remembered(status(world), world.now)
    world.die(255)
    world.rest().pass_time(1)
    assert (world.memory.state, world.memory.restarts, len(world.starts)) == ("up", 0, 2)


def test_a_service_that_exits_at_once_is_not_started_for_ever() -> None:
    world = World()
    real_start = world._start

    def start_and_die() -> None:
        real_start()
        world.die(127)

    world._start = start_and_die  # type: ignore[method-assign]
    world.rest()
    assert world.memory.state == "failed"
    assert world.memory.reason == "exited with code 127, 3 times in a row before it was up"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["die", "sick", "well", "vanish", "wait", "long", "agent", "docker"]), max_size=25),
    st.sampled_from([SPEC, WORKER, RUN, replace(SPEC, critical=True)]),
    st.integers(0, 2),
)
def test_whatever_happens_it_rests_and_a_stop_ends_it(events: list[str], spec: JobSpec, routers: int) -> None:
    world = World(spec)
    world.routers = {f"r{n}": replace(router(), id=f"r{n}") for n in range(routers)}
    for event in events:
        running = world.container is not None and world.container.running
        if event in ("die", "docker") and running:
            world.die(1)
        if event == "docker":
            world.memory = replace(world.memory, fresh=True)
        if event in ("sick", "well"):
            world.well = event == "well"
        if event == "vanish":
            world.container = None
        if event == "agent" and world.container is not None:
            world.memory = remembered(status(world), world.now)
        world.rest().pass_time({"wait": 1.0, "long": 40.0}.get(event, 0.2), tick=0.2)
        if world.registration.revision:
            assert world.container is not None
            assert world.container.running
        if spec.kind == "ephemeral":
            assert len(world.starts) <= 1
        if spec.critical:
            assert world.memory.state != "failed"
    world.spec = replace(spec, desired="stop")
    world.rest().pass_time(20, tick=0.5)
    assert world.forgotten
    assert world.container is None
    assert world.registration.revision == 0
