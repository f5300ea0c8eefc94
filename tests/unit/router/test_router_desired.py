"""Reading the store: what HAProxy should hold, change by change, and bad records left out by name."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from grille.codec import encode
from grille.router.desired import Table
from grille.router.lead import Lead
from grille.router.model import Endpoint, Slice, Wanted
from grille.store import Entry, Event
from grille.wire import keys
from grille.wire.discovery import LeaderRule, ServiceSettings
from grille.wire.routing import AppRouting, Challenge, Headers, Limits, Redirect, Route, Target
from grille.wire.specs import Instance

Put = Route | Instance | AppRouting | Challenge | tuple[str, bytes]


def put(record: Put, revision: int = 1) -> Event:
    if isinstance(record, tuple):
        key, value = record
    elif isinstance(record, Route):
        key, value = keys.route(record.id), encode(record)
    elif isinstance(record, AppRouting):
        key, value = keys.routing_app(record.app), encode(record)
    elif isinstance(record, Challenge):
        key, value = keys.challenge(record.host), encode(record)
    else:
        key, value = keys.instance(record.service, record.id), encode(record)
    return Event("put", Entry(key, value, revision, revision, 1))


def gone(key: str) -> Event:
    return Event("delete", Entry(key, b"", 0, 9, 0))


def table(*records: Put) -> Table:
    made = Table()
    made.apply(put(record, revision) for revision, record in enumerate(records, 1))
    return made


def route(ident: str, **fields: object) -> Route:
    return Route(**{"id": ident, "host": "a.example", "service": "web", "created": 1.0, **fields})  # type: ignore[arg-type]


def instance(ident: str, **fields: object) -> Instance:
    return Instance(**{"id": ident, "service": "web", "address": "10.0.0.1", "port": 80, **fields})  # type: ignore[arg-type]


def options(record: Route, *others: Put) -> str:
    entries = table(record, *others).everything().entries
    lead = next(entry for address, entry in entries.items() if address[0] == "routes" and isinstance(entry, Lead))
    return lead.options


def test_only_what_is_routed_and_right_reaches_haproxy() -> None:
    made = table(
        route("r1"),
        route("r2", path="/x", service="idle"),
        instance("good"),
        instance("six", address="FD00:0::1", metadata={"weight": "7"}),
        instance("unrouted", service="other"),
    )
    assert made.everything() == Slice(
        {"web": {"good": Wanted(Endpoint("10.0.0.1", 80)), "six": Wanted(Endpoint("fd00::1", 80), 7)}, "idle": {}},
        {
            ("routes", "a.example/"): Lead("web", ((1, "web"),)),
            ("routes", "a.example/x/"): Lead("idle", ((1, "idle"),)),
        },
    )
    assert made.refused == {}
    assert str(Endpoint("fd00::1", 80)) == "[fd00::1]:80"


def test_bad_records_are_refused_one_by_one() -> None:
    made = table(
        route("r1", created=2.0),
        route("older"),
        route("path", path="/a b; show info"),
        route("host", host="B.example"),
        route("line", headers=Headers(request={"X-A": "a\r\nshow info"})),
        route("pipe", app="a|b"),
        ("routes/json", b"{"),
        ("routes/other", encode(route("r9"))),
        instance("name", address="app.example"),
        instance("any", address="0.0.0.0"),
        instance("port", port=70000),
        instance("proto", protocol="amqp"),
        instance("heavy", metadata={"weight": "1e3"}),
        instance("_wait"),
        ("services/web/.settings", b'{"service": "web"}'),
        AppRouting(app="big", error_page="x" * 8000),
        Challenge(host="c.example", token="a b", answer="c"),
    )
    found = made.everything()
    assert set(found.entries) == {("routes", "a.example/")}
    assert found.variants == {"web": {}}
    routes = {"r1", "path", "host", "line", "pipe", "json", "other"}
    instances = {"name", "any", "port", "proto", "heavy", "_wait"}
    others = {"routing/apps/big", "routing/challenges/c.example"}
    assert set(made.refused) == {f"routes/{n}" for n in routes} | {f"services/web/{n}" for n in instances} | others
    assert "routes/older" in made.refused["routes/r1"]


def test_the_next_claim_takes_an_address_that_is_free_again() -> None:
    made = table(route("old"), route("new", created=2.0, service="other"))
    made.changes()
    made.apply([gone("routes/old")])
    assert made.changes() == Slice({"web": None}, {("routes", "a.example/"): Lead("other", ((1, "other"),))})
    assert made.refused == {}


def test_only_what_changed_is_in_the_next_slice() -> None:
    made = table(route("r1"), route("r2", host="b.example", service="other"), instance("i1"))
    assert made.changes() == made.everything()
    made.apply([put(instance("i2"), 7)])
    found = made.changes()
    assert set(found.variants) == {"web"}
    assert set(found.entries) == {("routes", "a.example/")}
    assert made.changes() == Slice()


def test_options_tell_only_what_differs_from_a_plain_route() -> None:
    assert options(route("r1")) == ""
    assert options(route("r1", strip=True)) == ""
    assert options(route("r1", path="/api", strip=True, sticky=True)) == "strip=%2Fapi&sticky=%2Fapi&id=r1"
    assert options(route("r1", https_only=True, hsts=60, timeout=5)) == "https=1&t=5000&hsts=60&id=r1"
    assert options(route("r1", redirect=Redirect(to="https://b.example", code=301))).startswith(
        "to=https%3A%2F%2Fb.example&code=301&"
    )
    assert options(route("r1", limits=Limits(body=9, rate=0.5))) == "body=9&rate=5&id=r1"
    headers = Headers(request={"X-A": "b|c d"}, response={"Server": ""})
    assert options(route("r1", headers=headers)) == "rq.X-A=b%7Cc%20d&rs.Server=&id=r1"
    assert options(route("r1", app="shop"), AppRouting(app="shop", maintenance=True)) == "maint=1&id=r1"


def test_what_instances_speak_makes_variants() -> None:
    made = table(
        route("plain"),
        route("rpc", host="b.example", protocol="h2c", limits=Limits(concurrency=3)),
        route("db", host="", kind="tcp", port=20000, idle_timeout=300),
        route("pass", host="*.c.example", kind="tls", idle_timeout=3600, proxy_protocol=True),
        instance("i1"),
        instance("i2", protocol="grpc"),
    )
    found = made.everything()
    assert {name: set(servers or ()) for name, servers in found.variants.items()} == {
        "web": {"i1"},
        "web~h2c~c3": {"i1", "i2"},
        "web~t300": {"i1", "i2"},
        "web~proxy~t3600": {"i1", "i2"},
    }
    assert found.entries["tcp", "20000"] == Lead("web", ((1, "web~t300"),))
    assert found.entries["sni", "*.c.example"] == Lead("web", ((1, "web~proxy~t3600"),))
    assert "h2c" not in made.refused.get("services/web/i1", "")
    assert made.wants_passthrough()
    made.apply([gone("routes/pass")])
    assert not made.wants_passthrough()


def test_leader_only_follows_the_services_rule() -> None:
    made = table(route("r1", leader=True), instance("new", created=2.0), instance("old", created=1.0))
    assert set(made.changes().variants["web~leader"] or ()) == {"old"}
    rule = ServiceSettings(service="web", leader=LeaderRule(mode="manual", instance="new"))
    made.apply([put((keys.service_settings("web"), encode(rule)))])
    assert set(made.changes().variants["web~leader"] or ()) == {"new"}
    made.apply([gone(keys.instance("web", "new"))])
    assert made.changes().variants["web~leader"] == {}


def test_pages_and_challenges_have_addresses() -> None:
    made = table(AppRouting(app="shop", error_page="<p>"), Challenge(host="a.example", token="t0k", answer="t0k.x"))
    found = made.everything().entries
    assert found["routes", "a.example/.well-known/acme-challenge/t0k/"] == Lead("acme", (), "reply=t0k.x&id=acme")
    assert made.changes().entries == {}
    made.apply([gone("routing/apps/shop"), gone("routing/challenges/a.example")])
    changes = made.changes().entries
    assert changes["pages", "shop/error"] is None
    assert changes["routes", "a.example/.well-known/acme-challenge/t0k/"] is None


SERVICES = ["a", "b"]
some_routes = st.builds(
    route,
    st.sampled_from(["r1", "r2", "r3"]),
    host=st.sampled_from(["x.example", "y.example"]),
    service=st.sampled_from(SERVICES),
    created=st.sampled_from([1.0, 2.0]),
    app=st.sampled_from(["", "shop"]),
    leader=st.booleans(),
    targets=st.sampled_from([[], [Target(service="c", weight=5)]]),
    compress=st.booleans(),
)
some_instances = st.builds(
    instance, st.sampled_from(["i1", "i2"]), service=st.sampled_from([*SERVICES, "c"]), port=st.sampled_from([1, 2])
)
some_apps = st.builds(AppRouting, app=st.just("shop"), maintenance=st.booleans(), error_page=st.sampled_from(["", "x"]))
some_gone = st.sampled_from(
    ["routes/r1", "routes/r2", "services/a/i1", "services/b/i2", "services/c/i1", "routing/apps/shop"]
).map(gone)
some_events = st.lists(st.one_of(st.one_of(some_routes, some_instances, some_apps).map(put), some_gone), max_size=12)


@given(st.lists(some_events, max_size=6))
@settings(max_examples=300, deadline=None)
def test_changes_add_up_to_everything(batches: list[list[Event]]) -> None:
    made, whole = Table(), Slice()
    for batch in batches:
        made.apply(batch)
        changes = made.changes()
        whole.variants |= changes.variants
        whole.entries |= changes.entries
    everything = made.everything()
    assert {name: each for name, each in whole.variants.items() if each is not None} == everything.variants
    there = {address: entry for address, entry in whole.entries.items() if entry is not None}
    assert there == {address: entry for address, entry in everything.entries.items() if entry is not None}
