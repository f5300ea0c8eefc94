"""Formations: healing, scaling, placing, rule by rule."""

from __future__ import annotations

from dataclasses import replace

from grille.controller.planner import DeleteJob, Job, StartJob, StopJob
from grille.wire.specs import App, Scale
from tests.unit.planner.world import World, host, spec_of, status


def running(world: World, *hosts: str, process: str = "web") -> None:
    """Jobs of release 1 that are up, one per name in ``hosts``."""
    for number, on in enumerate(hosts):
        spec = spec_of(f"shop-{process}-{number}", on, process=process, created=world.now + number)
        kind = world.releases["shop", 1].processes[process]
        spec = replace(spec, resources=kind.resources)
        world.jobs[spec.id] = Job(spec, status(spec, "up", world.now))


def test_a_job_carries_what_its_release_says() -> None:
    world = World(hosts=1)
    world.add_app(web=1, worker=1)
    world.releases["shop", 1] = replace(world.releases["shop", 1], env={"KEY": "v"})
    web, worker = (action.spec for action in world.plan() if isinstance(action, StartJob))
    assert (web.image, web.command, web.service, web.port) == (
        "grille/run:1",
        ["start", "web", "serve"],
        "shop-web",
        5000,
    )
    assert web.env == {"KEY": "v"}  # the agent adds PORT and GRILLE_*
    assert (worker.service, worker.port, worker.health.type) == ("", 0, "none")


def test_new_jobs_go_where_the_process_is_least_then_where_load_is_least_then_where_memory_is() -> None:
    world = World(hosts=0)
    world.hosts = {"a": host("a", 100), "b": host("b", 900), "c": host("c", 100), "d": host("d", 900)}
    world.add_app(web=5, worker=1)
    running(world, "d", process="worker")
    running(world, "c")
    assert [action.spec.host for action in world.plan()] == ["b", "a", "d", "b"]  # type: ignore[union-attr]


def test_processes_planned_together_even_out_load() -> None:
    world = World(hosts=2)
    world.add_app(web=1, worker=1)
    world.carry_out(world.plan())
    assert {job.spec.host for job in world.jobs.values()} == {"h0", "h1"}


def test_surplus_goes_from_what_is_not_up_then_from_the_most_loaded_host_then_the_youngest() -> None:
    world = World(hosts=3)
    world.add_app(web=2)
    running(world, "h0", "h1", "h1", "h2")
    world.jobs = {f"shop-web-{number}": world.jobs[f"shop-web-{number}"] for number in (2, 3, 0, 1)}
    world.set("shop-web-3", "starting")
    stopped = [action.spec.id for action in world.plan() if isinstance(action, StopJob)]
    assert stopped == ["shop-web-3", "shop-web-2"]


def test_a_failed_job_is_replaced_after_its_backoff_and_not_before() -> None:
    world = World(hosts=2)
    world.add_app(web=2)
    running(world, "h0", "h1")
    world.set("shop-web-0", "failed", reason="no such image")
    world.now += world.limits.replace_backoff - 1
    assert world.plan() == []
    world.now += 1
    stop, start = world.plan()
    assert isinstance(stop, StopJob)
    assert stop.spec.id == "shop-web-0"
    assert isinstance(start, StartJob)


def test_jobs_of_a_host_that_is_away_stay_until_its_grace_is_over() -> None:
    world = World(hosts=3)
    world.add_app(web=3)
    running(world, "h0", "h1", "h2")
    world.kill("h1")
    world.now += world.limits.host_grace
    assert world.plan() == []
    world.now += 1
    (start,) = world.plan()
    assert isinstance(start, StartJob)
    world.settle()
    world.revive("h1")
    world.settle()
    assert world.up("shop") == len(world.of("shop")) == 3


def test_nothing_is_touched_when_no_host_is_live() -> None:
    world = World(hosts=2)
    world.add_app(web=2)
    running(world, "h0", "h1")
    world.scale("shop", "web", 9)
    world.kill("h0")
    world.kill("h1")
    world.now += 10 * world.limits.host_forget
    assert world.plan() == []


def test_jobs_of_a_host_long_gone_are_forgotten() -> None:
    world = World(hosts=2)
    world.add_app(web=1)
    running(world, "h0", "h1")
    world.kill("h0")
    world.now += world.limits.host_forget + 1
    assert world.plan() == [DeleteJob("h0", "shop-web-0")]


def test_critical_jobs_and_system_apps_are_never_touched() -> None:
    world = World(hosts=2)
    world.add_app(web=0)
    running(world, "h0")
    job = world.jobs["shop-web-0"]
    world.jobs["shop-web-0"] = replace(job, spec=replace(job.spec, critical=True))
    assert world.plan() == []
    world.jobs["shop-web-0"] = job
    world.apps["shop"] = replace(world.apps["shop"], system=True)
    assert world.plan() == []
    world.apps["shop"] = replace(world.apps["shop"], system=False)
    assert len(world.plan()) == 1


def test_a_release_that_is_not_seen_is_a_gap_not_an_order() -> None:
    world = World(hosts=2)
    world.add_app(web=1)
    running(world, "h0", "h1")
    world.releases.clear()
    assert world.plan() == []


def test_new_limits_roll_through_the_jobs_without_a_gap() -> None:
    world = World(hosts=2)
    world.add_app(web=4)
    world.settle()
    formation = world.formations["shop"]
    world.formations["shop"] = replace(formation, processes={"web": Scale(count=4, memory=256)})
    for _ in range(60):
        world.carry_out(world.plan())
        assert world.up("shop") >= 4
        assert world.alive("shop") <= 6
        world.tick(share=0.5)
    assert {job.spec.resources.memory for job in world.of("shop")} == {256}


def test_an_app_being_destroyed_loses_jobs_then_tickets_then_its_record() -> None:
    world = World(hosts=2)
    world.add_app(web=2, worker=1)
    world.apps["other"] = App(name="other", created=world.now)
    world.settle()
    world.deploy()
    world.carry_out(world.plan())
    run = world.queue("ephemeral", "shop", {"command": "true"})
    world.carry_out(world.plan())
    world.kill("h1")
    world.apps["shop"] = replace(world.apps["shop"], destroying=True)
    while any(job.spec.host == "h0" for job in world.jobs.values()):
        world.carry_out(world.plan())
        assert "shop" in world.apps
        world.tick()
    world.settle()
    assert set(world.apps) == {"other"}
    assert (world.releases, world.formations) == ({}, {})
    assert {ticket.state for ticket in world.tickets.values()} == {"cancelled"}
    assert world.tickets[run.id].reason == "shop is being destroyed"
    assert all(job.spec.host == "h1" and job.spec.desired == "stop" for job in world.jobs.values())
