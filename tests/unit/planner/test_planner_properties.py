"""Whatever happens to jobs and hosts: what the planner may never do, and where it always gets to."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.planner.world import World

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("scale"), st.integers(1, 7)),  # with nothing to start, a bad release could not fail
        st.tuples(st.just("worker"), st.integers(0, 4)),
        st.tuples(st.just("deploy"), st.integers(0, 7)),
        st.tuples(st.just("deploy bad"), st.integers(0, 7)),
        st.tuples(st.just("cancel"), st.just(0)),
        st.tuples(st.just("kill"), st.integers(0, 3)),
        st.tuples(st.just("revive"), st.integers(0, 3)),
        st.tuples(st.just("run"), st.just(0)),
        st.tuples(st.just("build"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 40)),
    ),
    max_size=14,
)
APP, KINDS = "shop", ("web", "worker")


def happen(world: World, what: str, value: int) -> None:
    """One thing that a user or fate does."""
    match what:
        case "scale" | "worker":
            world.scale(APP, "worker" if what == "worker" else "web", value)
        case "deploy" | "deploy bad":
            ticket = world.deploy(scale={"web": value} if value % 2 else None)
            if what == "deploy bad":
                world.bad.add(ticket.payload["release"])
        case "cancel":
            for ident, ticket in world.tickets.items():
                world.tickets[ident] = type(ticket)(**{**vars(ticket), "cancel": True})
                break
        case "kill" if len(world.gone) < len(world.hosts) - 1:
            world.kill(f"h{value}")
        case "revive":
            world.revive(f"h{value}")
        case "run":
            world.queue("ephemeral", APP, {"command": "true"})
        case "build":
            world.queue("builds", APP, {"source": "0"}, max_attempts=3)
        case "wait":
            for _ in range(value):
                step(world, chaos=0.02, share=0.6)


def step(world: World, *, chaos: float = 0.0, share: float = 1.0) -> None:
    """Plan, check and carry out; then let the agents do something."""
    actions = world.plan()
    assert actions == world.plan(), "the same state gave another plan"
    before = {kind: (world.up(APP, kind), world.alive(APP, kind)) for kind in KINDS}
    world.carry_out(actions)
    formation = world.formations[APP]
    for kind, (up, alive) in before.items():
        count = formation.processes[kind].count
        assert world.up(APP, kind) >= min(count, up), "took away what served"
        assert world.alive(APP, kind) <= max(alive, count + (count + 1) // 2), "too many at once"
    running = [ticket for ticket in world.tickets.values() if ticket.state == "running"]
    assert sum(ticket.queue == "services" for ticket in running) <= 1
    world.tick(1.0, chaos=chaos, share=share)
    assert not any(world.up_of(APP, version, kind) for version in world.bad for kind in KINDS), "no agent does this"


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.integers(0, 2**32))
def test_it_keeps_its_promises_on_the_way_and_arrives(events: list[tuple[str, int]], seed: int) -> None:
    world = World(hosts=4, seed=seed)
    world.add_app(APP, web=3, worker=1)
    world.settle()
    for what, value in events:
        happen(world, what, value)
        step(world, chaos=0.02, share=0.6)
    world.settle(rounds=1500)

    formation = world.formations[APP]
    assert formation.release not in world.bad
    for kind in KINDS:
        wanted = formation.processes[kind].count
        assert world.up(APP, kind) == world.up_of(APP, formation.release, kind) == wanted
    for ticket in world.tickets.values():
        assert ticket.finished, ticket
        if ticket.payload.get("release") in world.bad and not ticket.cancel:
            assert ticket.state == "failed"
    assert world.plan() == []


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 8), seed=st.integers(0, 2**32), scale=st.one_of(st.none(), st.integers(1, 8)))
def test_a_failed_deployment_gives_all_back(count: int, seed: int, scale: int | None) -> None:
    world = World(hosts=3, seed=seed)
    world.add_app(APP, web=count, worker=1)
    world.settle()
    former = world.formations[APP]
    world.bad.add(2)
    ticket = world.deploy(scale={"web": scale} if scale else None)
    for _ in range(200):
        step(world, share=0.5)
    ended = world.tickets[ticket.id]
    assert (ended.state, ended.code) == ("failed", "boot_timeout")
    assert world.formations[APP] == former
    assert (APP, 2) not in world.releases
    assert {job.spec.release for job in world.jobs.values()} == {1}
    assert world.up(APP) == count
    assert world.plan() == []


@settings(max_examples=40, deadline=None)
@given(hosts=st.integers(1, 6), counts=st.lists(st.integers(0, 9), min_size=1, max_size=5), seed=st.integers(0, 2**32))
def test_each_process_is_spread_evenly(hosts: int, counts: list[int], seed: int) -> None:
    world = World(hosts=hosts, seed=seed)
    for number, count in enumerate(counts):
        world.add_app(f"app{number}", web=count)
    world.settle()
    for number, count in enumerate(counts):
        on = [job.spec.host for job in world.of(f"app{number}")]
        assert len(on) == count
        assert all(on.count(name) in (count // hosts, -(-count // hosts)) for name in world.hosts)
