"""The plan: whatever HAProxy holds, the actions lead to what it should hold, and in an order that is always whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from grille.router.actions import Action, Add, Drain, Maint, MapDelete, MapPut, Move, Ready
from grille.router.draining import leaving
from grille.router.model import Actual, Desired, Endpoint, Server, Service
from grille.router.plan import plan
from grille.router.pool import WAIT, backend_name

A, B = Endpoint("10.0.0.1", 5000), Endpoint("10.0.0.2", 5000)


def empty(backends: int = 3) -> Actual:
    names = (backend_name("http", number) for number in range(backends))
    return Actual(backends={name: {WAIT: Server(Endpoint("127.0.0.1", 1), "maint")} for name in names})


def carry_out(actions: list[Action], actual: Actual) -> Actual:
    for action in actions:
        action.apply(actual)
    return actual


def routed(**services: dict[str, Endpoint]) -> Desired:
    table = {f"{name}.example/": name for name in services}
    return Desired(table, {name: Service(servers=servers) for name, servers in services.items()})


def test_new_service_gets_its_servers_before_requests_are_led_to_it() -> None:
    actions = plan(routed(web={"i1": A}), empty(), set()).actions
    assert actions == [
        Add("http-00000", "i1", A),
        Ready("http-00000", WAIT),
        MapPut("services", "web", "http-00000", new=True),
        MapPut("routes", "web.example/", "web", new=True),
    ]


def test_instance_that_left_is_drained_and_not_given_requests_again() -> None:
    actual = carry_out(plan(routed(web={"i1": A, "i2": B}), empty(), set()).actions, empty())
    assert plan(routed(web={"i2": B}), actual, set()).actions == [Drain("http-00000", "i1")]


def test_instance_that_returned_elsewhere_is_moved_before_it_is_used() -> None:
    actual = carry_out(plan(routed(web={"i1": A}), empty(), set()).actions, empty())
    carry_out(plan(routed(web={}), actual, {"web"}).actions, actual)
    assert plan(routed(web={"i1": B}), actual, set()).actions == [
        Move("http-00000", "i1", B),
        Ready("http-00000", "i1"),
    ]


def test_service_without_servers_keeps_its_placeholder_only_while_held() -> None:
    actual = carry_out(plan(routed(web={"i1": A}), empty(), set()).actions, empty())
    assert plan(routed(web={}), actual, {"web"}).actions == [Drain("http-00000", "i1")]
    carry_out([Drain("http-00000", "i1")], actual)
    assert plan(routed(web={}), actual, set()).actions == [
        MapDelete("services", "web"),
        Maint("http-00000", WAIT),
    ]


def test_route_turns_away_before_the_old_servers_drain() -> None:
    actual = carry_out(plan(routed(old={"i1": A}), empty(), set()).actions, empty())
    desired = Desired({"old.example/": "new"}, {"new": Service(servers={"i2": B})})
    actions = plan(desired, actual, set()).actions
    turn = actions.index(MapPut("routes", "old.example/", "new", new=False))
    assert actions.index(Add("http-00001", "i2", B)) < turn < actions.index(Drain("http-00000", "i1"))


def test_services_beyond_the_pool_are_named_and_the_others_served() -> None:
    planned = plan(routed(a={"i1": A}, b={"i2": A}, c={"i3": A}), empty(2), set())
    assert planned.unplaced == ["c"]
    assert sum(isinstance(action, Add) for action in planned.actions) == 2


names = st.sampled_from(["a", "b", "c", "d"])
servers = st.dictionaries(st.sampled_from(["i1", "i2", "i3"]), st.sampled_from([A, B]))
wishes = st.dictionaries(names, servers).map(lambda services: routed(**services))


@st.composite
def anything(draw: st.DrawFn) -> Actual:
    """A HAProxy in any state, however it came there."""
    modes = st.sampled_from(["ready", "drain", "maint"])
    server = st.builds(Server, st.sampled_from([A, B]), modes)
    actual = empty(6)
    for present in actual.backends.values():
        present[WAIT].mode = draw(modes)
        present.update(draw(st.dictionaries(st.sampled_from(["i1", "i2", "i3"]), server)))
    actual.services = draw(st.dictionaries(names, st.sampled_from([*actual.backends, "http-09999"])))
    actual.routes = draw(st.dictionaries(names.map(lambda name: f"{name}.example/"), st.one_of(names, st.just(""))))
    return actual


@given(wishes, anything(), st.sets(names))
@settings(max_examples=300)
def test_any_state_converges(desired: Desired, actual: Actual, held: set[str]) -> None:
    for _ in range(3):  # a backend in disorder is free only when its servers are gone
        planned = plan(desired, actual, held)
        carry_out(planned.actions, actual)
        for backend, server in leaving(actual):
            del actual.backends[backend][server]
    assert plan(desired, actual, held).actions == []
    assert actual.routes == desired.routes
    for name, service in desired.services.items():
        if service.servers:
            present = {**actual.backends[actual.services[name]]}
            assert present.pop(WAIT).mode == "ready"
            assert {ident: each.endpoint for ident, each in present.items()} == service.servers
    assert len(set(actual.services.values())) == len(actual.services)
