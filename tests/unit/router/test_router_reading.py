"""HAProxy's answers and its counters; what is bad is left out by name."""

from __future__ import annotations

from grille.router.actual import parse_map, parse_servers
from grille.router.model import Endpoint
from grille.router.stats import number, rows

SERVERS = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port
4 http-00001 1 _wait 127.0.0.1 2 4 1 1
4 http-00001 2 a 10.0.0.1 2 0 1 5000
4 http-00001 3 b fd00::1 2 8 7 5001
4 http-00001 4 c 10.0.0.3 0 9 1 5002
4 http-00001 5 d 10.0.0.4 0 5 1 5003

"""


def test_servers_and_their_modes() -> None:
    (servers,) = parse_servers(SERVERS).values()
    assert {name: each.mode for name, each in servers.items()} == {
        "_wait": "ready",  # disabled by the configuration, then made ready
        "a": "ready",
        "b": "maint",
        "c": "maint",
        "d": "maint",
    }
    assert servers["b"].endpoint == Endpoint("fd00::1", 5001)
    assert servers["b"].weight == 7


def test_copies_in_a_map_are_marked() -> None:
    assert parse_map("0x1 a/ x\n0x2 b/ y\n0x3 a/ z\n") == {"a/": "", "b/": "y"}
    assert parse_map("Unknown map identifier. Please use #<id> or <file>.") == {}


def test_quoted_fields_do_not_shift_and_torn_lines_are_left_out() -> None:
    table = rows('# pxname,svname,scur,last_chk,stot,\nb,s,3,"refused, at once",7,\nb,torn,3\n')
    assert [(row["svname"], number(row, "scur"), number(row, "stot")) for row in table] == [("s", 3, 7)]
