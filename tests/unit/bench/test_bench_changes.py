"""The changes of the churn benchmark: of all kinds alike, and never of what the load asks for."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from grille.wire.route_rules import check_route
from tests.bench.router.changes import FEWEST, KINDS, MOST, SECURE, SPLITS, Change, Plan, apply, secure_host
from tests.bench.router.held import differences
from tests.bench.router.world import DOMAIN, Pem, World, host

WORLD = World(8, "127.77.1.1", routes=4)
TCP = range(25000, 25100)


def pems() -> dict[str, list[Pem]]:
    """Certificates that are only told apart by their text."""
    found = {
        secure_host(number): [Pem(secure_host(number), str(turn), "key") for turn in (1, 2)] for number in range(10)
    }
    return found | {f"c{number}.{DOMAIN}": [Pem(f"c{number}.{DOMAIN}", "chain", "key")] for number in range(20)}


def made(count: int) -> tuple[Plan, list[Change]]:
    plan = Plan(WORLD, pems(), TCP)
    return plan, list(islice(plan.changes(), count))


def test_all_kinds_come_equally_often_in_both_directions() -> None:
    _, changes = made(1200)
    assert Counter(change.kind for change in changes) == dict.fromkeys(KINDS, 200)
    assert {change.kind for change in changes if change.removes} == set(KINDS) - {"weight"}


def test_what_the_load_asks_for_stays() -> None:
    plan, changes = made(3000)
    kept = {f"w{number}" for number in range(SPLITS)} | {f"t{number}" for number in range(SECURE)} | {"tcp-0"}
    assert not {change.ident for change in changes if change.removes} & kept
    hosts = {route.host for route in plan.state.routes.values()}
    assert {host(app, number) for app in range(WORLD.apps) for number in (0, 1)} <= hosts
    assert all(FEWEST <= len(servers) <= MOST for servers in plan.state.services.values())


def test_changes_carried_out_from_the_start_lead_to_the_plans_state() -> None:
    state = Plan(WORLD, pems(), TCP).state.copy()
    plan, changes = made(2000)
    for change in changes:
        apply(state, change)
    assert state == plan.state


def test_routes_are_valid_and_take_each_port_once() -> None:
    plan, changes = made(3000)
    for change in changes:
        if change.route is not None:
            check_route(change.route)
    ports = Counter(route.port for route in plan.state.routes.values() if route.kind == "tcp")
    assert set(ports.values()) == {1}
    assert set(ports) <= set(TCP)


def test_a_server_that_comes_has_a_port_that_none_had() -> None:
    _, changes = made(3000)
    ports = [change.server.port for change in changes if change.server is not None]
    assert len(ports) == len(set(ports))
    assert not set(ports) & set(WORLD.ports)


def test_differences_name_what_came_went_and_changed() -> None:
    assert differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}) == [
        "b: 2 then 4",
        "c: 3 then nothing",
        "d: nothing then 5",
    ]
