"""What HAProxy's maps say, read back, and what the daemon's status makes of backends."""

from __future__ import annotations

from grille.router.telling.leads import addresses, read, shown
from grille.router.telling.state import pools

MAPS = {
    "routes": {
        "a.example/": "http-00000|shop",
        "a.example/x/": "http-00000|shop|https=1&rq.X-A=b%26c&split=95:http-00000,5:http-00002&id=r1",
        "idle.example/": "-|blog",
        "moved.example/": "?|blog|to=https%3A%2F%2Fnew.example&code=301&id=r2",
        "broken.example/": "",
    },
    "services": {"shop-web": "http-00000", "shop-next": "http-00002", "db-tcp~t3600": "t3600-00000"},
    "tcp": {"5432": "t3600-00000|db"},
    "sni": {"*.example": "-|db"},
}


def test_options_and_shares_are_read_back() -> None:
    led = read(MAPS["routes"]["a.example/x/"])
    assert led.backends == ("http-00000", "http-00002")
    assert (led.app, led.options["rq.X-A"], led.options["https"]) == ("shop", "b&c", "1")
    assert read("-|blog").backends == read("?|blog|to=x").backends == read("").backends == ()


def test_every_address_and_its_backends() -> None:
    found = addresses(MAPS)
    assert found["a.example/x/"] == ("http-00000", "http-00002")
    assert found["tcp 5432"] == ("t3600-00000",)
    assert found["sni *.example"] == ()


def test_routes_as_they_are_told() -> None:
    rows = shown(MAPS, {"http-00000": {"i1": {"mode": "ready"}}, "http-00002": {"i2": {"mode": "maint"}}})
    first = rows[0]
    assert (first["kind"], first["host"], first["path"], first["service"]) == ("http", "a.example", "/", "shop-web")
    assert rows[1]["path"] == "/x"
    assert rows[1]["services"] == ["shop-web", "shop-next"]
    assert list(rows[1]["servers"]) == ["i1", "i2"]  # type: ignore[call-overload]
    assert {row["host"]: row["servers"] for row in rows if row["kind"] == "http"}["idle.example"] == {}
    assert rows[-2] | {"servers": {}} == {
        "kind": "tcp",
        "port": 5432,
        "app": "db",
        "service": "db-tcp~t3600",
        "services": ["db-tcp~t3600"],
        "backend": "t3600-00000",
        "options": {},
        "servers": {},
    }
    assert (rows[-1]["kind"], rows[-1]["host"]) == ("tls", "*.example")


def test_pools_by_class() -> None:
    backends = ["http-00000", "http-00001", "zip-00000", "t300-00000"]
    assert pools(backends, ["http-00001", "zip-00000", "http-00009"]) == {
        "http": {"used": 1, "free": 1},
        "t300": {"used": 0, "free": 1},
        "zip": {"used": 1, "free": 0},
    }
