"""Reading the store, HAProxy's answers and its counters; what is bad is left out by name."""

from __future__ import annotations

from grille.codec import encode
from grille.router.actual import parse_map, parse_servers
from grille.router.desired import Reader
from grille.router.model import Endpoint
from grille.router.stats import number, rows
from grille.store import Entry
from grille.wire import keys
from grille.wire.routing import Route
from grille.wire.specs import Instance


def entries(*records: Route | Instance | tuple[str, bytes]) -> dict[str, Entry]:
    found = {}
    for revision, record in enumerate(records, 1):
        if isinstance(record, tuple):
            key, value = record
        elif isinstance(record, Route):
            key, value = keys.route(record.id), encode(record)
        else:
            key, value = keys.instance(record.service, record.id), encode(record)
        found[key] = Entry(key, value, revision, revision, 1)
    return found


def instance(ident: str, **fields: object) -> Instance:
    return Instance(**{"id": ident, "service": "web", "address": "10.0.0.1", "port": 80, **fields})  # type: ignore[arg-type]


def test_only_what_is_routed_and_right_reaches_haproxy() -> None:
    desired = Reader().desired(
        entries(
            Route(id="r1", host="a.example", service="web", created=1.0),
            Route(id="r2", host="a.example", path="/x/", service="idle", created=1.0),
            instance("good"),
            instance("six", address="FD00:0::1"),
            instance("unrouted", service="other"),
        )
    )
    assert desired.routes == {"a.example/": "web", "a.example/x/": "idle"}
    assert desired.services["web"].servers == {"good": Endpoint("10.0.0.1", 80), "six": Endpoint("fd00::1", 80)}
    assert desired.services["idle"].servers == {}
    assert "other" not in desired.services
    assert desired.refused == {}
    assert str(Endpoint("fd00::1", 80)) == "[fd00::1]:80"


def test_bad_records_are_refused_one_by_one() -> None:
    desired = Reader().desired(
        entries(
            Route(id="r1", host="a.example", service="web", created=2.0),
            Route(id="older", host="a.example", service="web", created=1.0),
            Route(id="path", host="b.example", path="/a b; show info", service="web", created=1.0),
            Route(id="host", host="B.example", service="web", created=1.0),
            ("routes/json", b"{"),
            instance("name", address="app.example"),
            instance("any", address="0.0.0.0"),
            instance("port", port=70000),
            instance("proto", protocol="amqp"),
            instance("_wait"),
            ("services/web/.settings", b"{}"),
        )
    )
    assert desired.routes == {"a.example/": "web"}
    assert desired.services["web"].servers == {}
    names = {"r1", "path", "host", "json"}, {"name", "any", "port", "proto", "_wait"}
    assert set(desired.refused) == {f"routes/{n}" for n in names[0]} | {f"services/web/{n}" for n in names[1]}
    assert "routes/older" in desired.refused["routes/r1"]


def test_changed_and_deleted_records_are_seen() -> None:
    reader = Reader()
    before = entries(Route(id="r1", host="a.example", service="web", created=1.0), instance("i"))
    assert reader.desired(before).services["web"].servers
    key = keys.instance("web", "i")
    before[key] = Entry(key, encode(instance("i", port=81)), 2, 9, 2)
    assert reader.desired(before).services["web"].servers["i"].port == 81
    del before[key]
    assert reader.desired(before).services["web"].servers == {}


SERVERS = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port
4 http-00001 1 _wait 127.0.0.1 2 4 1 1
4 http-00001 2 a 10.0.0.1 2 0 1 5000
4 http-00001 3 b fd00::1 2 8 1 5001
4 http-00001 4 c 10.0.0.3 0 9 1 5002

"""


def test_servers_and_their_modes() -> None:
    (servers,) = parse_servers(SERVERS).values()
    assert {name: each.mode for name, each in servers.items()} == {
        "_wait": "maint",
        "a": "ready",
        "b": "drain",
        "c": "maint",
    }
    assert servers["b"].endpoint == Endpoint("fd00::1", 5001)


def test_copies_in_a_map_are_marked() -> None:
    assert parse_map("0x1 a/ x\n0x2 b/ y\n0x3 a/ z\n") == {"a/": "", "b/": "y"}
    assert parse_map("Unknown map identifier. Please use #<id> or <file>.") == {}


def test_quoted_fields_do_not_shift_and_torn_lines_are_left_out() -> None:
    table = rows('# pxname,svname,scur,last_chk,stot,\nb,s,3,"refused, at once",7,\nb,torn,3\n')
    assert [(row["svname"], number(row, "scur"), number(row, "stot")) for row in table] == [("s", 3, 7)]
