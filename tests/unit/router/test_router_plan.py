"""The plan: whatever HAProxy holds, the actions lead to what it should hold, and in an order that is always whole."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from grille.router.actions import Action, Add, Drain, MapDelete, MapPut, Move, Ready, Weigh
from grille.router.lead import Lead, options_of
from grille.router.model import Actual, Endpoint, Server, Slice, Wanted
from grille.router.plan import plan, strays, whole
from grille.router.pool import WAIT, backend_name
from grille.router.variant import Variant, parse, server_line
from grille.wire.routing import Route

A, B = Wanted(Endpoint("10.0.0.1", 5000)), Wanted(Endpoint("10.0.0.2", 5000))
LINE = server_line(Variant("web"), str(A.endpoint), 100)


def empty(backends: int = 3) -> Actual:
    names = (backend_name("http", number) for number in range(backends))
    return Actual(backends={name: {WAIT: Server(Endpoint("-", 0), "maint")} for name in names})


def carry_out(actions: list[Action], actual: Actual) -> Actual:
    for action in actions:
        action.apply(actual)
    return actual


def routed(**services: dict[str, Wanted] | None) -> Slice:
    entries = {("routes", f"{name}.example/"): Lead(name, ((1, name),)) for name in services}
    return Slice(dict(services), dict(entries))  # type: ignore[arg-type]


def test_new_service_gets_its_servers_before_requests_are_led_to_it() -> None:
    assert plan(routed(web={"i1": A}), empty(), set()).actions == [
        Add("http-00000", "i1", A, LINE),
        Ready("http-00000", WAIT),
        MapPut("services", "web", "http-00000", new=True),
        MapPut("routes", "web.example/", "http-00000|web", new=True),
    ]


def test_instance_that_left_is_drained_and_not_given_requests_again() -> None:
    actual = carry_out(plan(routed(web={"i1": A, "i2": B}), empty(), set()).actions, empty())
    assert plan(routed(web={"i2": B}), actual, set()).actions == [Drain("http-00000", "i1")]


def test_instance_that_returned_elsewhere_is_moved_before_it_is_used() -> None:
    actual = carry_out(plan(routed(web={"i1": A}), empty(), set()).actions, empty())
    carry_out(plan(routed(web={}), actual, {"web"}).actions, actual)
    assert actual.leaving == {("http-00000", "i1")}
    changed = Wanted(B.endpoint, 7)
    assert plan(routed(web={"i1": changed}), actual, set()).actions == [
        Move("http-00000", "i1", B.endpoint),
        Weigh("http-00000", "i1", 7),
        Ready("http-00000", "i1"),
    ]


def test_service_without_servers_keeps_its_backend_only_while_held() -> None:
    actual = carry_out(plan(routed(web={"i1": A}), empty(), set()).actions, empty())
    assert plan(routed(web={}), actual, {"web"}).actions == [Drain("http-00000", "i1")]
    carry_out([Drain("http-00000", "i1")], actual)
    assert plan(routed(web={}), actual, set()).actions == [
        MapPut("routes", "web.example/", "-|web", new=False),
        MapDelete("services", "web"),
        Drain("http-00000", WAIT),
    ]


def test_route_turns_away_before_the_old_servers_drain() -> None:
    actual = carry_out(plan(routed(old={"i1": A}), empty(), set()).actions, empty())
    wanted = Slice({"old": None, "new": {"i2": B}}, {("routes", "old.example/"): Lead("new", ((1, "new"),))})
    actions = plan(wanted, actual, set()).actions
    turn = actions.index(MapPut("routes", "old.example/", "http-00001|new", new=False))
    added = actions.index(Add("http-00001", "i2", B, server_line(Variant("new"), str(B.endpoint), 100)))
    assert added < turn < actions.index(Drain("http-00000", "i1")) < actions.index(MapDelete("services", "old"))


def test_services_beyond_the_pool_are_named_and_the_others_served() -> None:
    planned = plan(routed(a={"i1": A}, b={"i2": A}, c={"i3": A}), empty(2), set())
    assert planned.unplaced == {"c"}
    assert sum(isinstance(action, Add) for action in planned.actions) == 2


def test_a_plan_for_one_service_leaves_the_others_alone() -> None:
    actual = carry_out(plan(routed(a={"i1": A}, b={"i2": B}), empty(), set()).actions, empty())
    assert {action.backend for action in plan(routed(b={}), actual, {"b"}).actions} == {"http-00001"}  # type: ignore[attr-defined]
    added = carry_out(plan(routed(c={"i3": A}), actual, set()).actions, actual)
    assert added.services == {"a": "http-00000", "b": "http-00001", "c": "http-00002"}


def test_split_leads_to_those_that_have_servers() -> None:
    split = Lead("shop", ((90, "old"), (10, "new"), (0, "off")), "id=r1")
    placed = {"old": "http-00000", "new": "http-00001", "off": "http-00002"}
    assert split.value(placed, set()) == "http-00000|shop|split=90:http-00000,10:http-00001&id=r1"
    assert split.value(placed, {"old"}) == "http-00001|shop|id=r1"
    assert split.value(placed, {"old", "new"}) == "http-00000|shop|id=r1"
    assert split.value({}, set()) == "?|shop|id=r1"
    assert Lead("shop", ((1, "old"),)).value({}, set()) == "-|shop"


def test_what_is_sent_once_is_told_last() -> None:
    placed = {"old": "http-00000", "new": "http-00001"}
    bare = Route(id="r1", host="a.example", service="old", created=1.0, resend=False)
    assert options_of(bare, None) == "once=1"
    assert Lead("shop", ((1, "old"),), options_of(bare, None)).value(placed, set()) == "http-00000|shop|once=1"
    split = Lead("shop", ((90, "old"), (10, "new")), options_of(replace(bare, timeout=5.0), None))
    assert split.value(placed, set()) == "http-00000|shop|split=90:http-00000,10:http-00001&t=5000&id=r1&once=1"
    assert split.value({}, set()) == "?|shop|t=5000&id=r1&once=1"


def test_a_variant_is_what_its_name_says() -> None:
    for kind in (Variant("web"), Variant("web", "zip", leader=True, h2c=True, proxy=True, concurrency=5)):
        assert parse(kind.name) == kind
    assert parse("db~t300") == Variant("db", "t300")
    assert Variant("web", leader=True, concurrency=5).name == "web~leader~c5"


names = st.sampled_from(["a", "b", "c", "d"])
servers = st.dictionaries(st.sampled_from(["i1", "i2", "i3"]), st.sampled_from([A, B]))
wishes = st.dictionaries(names, servers).map(lambda services: routed(**services))


@st.composite
def anything(draw: st.DrawFn) -> Actual:
    """A HAProxy in any state, however it came there."""
    modes = st.sampled_from(["ready", "maint"])
    server = st.builds(Server, st.sampled_from([A.endpoint, B.endpoint]), modes, st.sampled_from([100, 7]))
    actual = empty(6)
    for at, present in actual.backends.items():
        present[WAIT].mode = draw(modes)
        present.update(draw(st.dictionaries(st.sampled_from(["i1", "i2", "i3"]), server)))
        actual.leaving |= {(at, name) for name, each in present.items() if each.mode == "maint" and name != WAIT}
    actual.maps["services"] = draw(st.dictionaries(names, st.sampled_from([*actual.backends, "http-09999"])))
    value = st.one_of(names, st.just(""))
    actual.maps["routes"] = draw(st.dictionaries(names.map(lambda name: f"{name}.example/"), value))
    actual.maps["tcp"] = draw(st.dictionaries(st.sampled_from(["1", "2"]), value))
    return actual


@given(wishes, anything(), st.sets(names))
@settings(max_examples=300)
def test_any_state_converges(desired: Slice, actual: Actual, held: set[str]) -> None:
    for _ in range(3):  # a backend in disorder is free only when its servers are gone
        carry_out([*plan(whole(desired, actual), actual, held).actions, *strays(actual)], actual)
        for backend, server in list(actual.leaving):
            del actual.backends[backend][server]
            actual.leaving.discard((backend, server))
    assert [*plan(whole(desired, actual), actual, held).actions, *strays(actual)] == []
    assert actual.maps["routes"].keys() == {key for _, key in desired.entries}
    assert actual.maps["tcp"] == {}
    for name, wanted in desired.variants.items():
        if wanted:
            at = actual.services[name]
            assert actual.maps["routes"][f"{name}.example/"] == f"{at}|{name}"
            present = {**actual.backends[at]}
            assert present.pop(WAIT).mode == "ready"
            assert {ident: Wanted(each.endpoint, each.weight) for ident, each in present.items()} == wanted
    assert len(set(actual.services.values())) == len(actual.services)
