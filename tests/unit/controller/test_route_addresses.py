"""Addresses of routes: ports, what hides what, whose service a target is; and the settings that they depend on."""

from __future__ import annotations

import pytest

from grille.codec import encode
from grille.controller import config, present_routes
from grille.controller.changes.route_address import check_port, free_port, warnings
from grille.controller.changes.route_targets import check_unused, target_app
from grille.controller.records import Records
from grille.service.settings import Settings
from grille.store import Entry, Event
from grille.wire import keys
from grille.wire.errors import GrilleError, InvalidValue
from grille.wire.route_table import address, covers, row, services
from grille.wire.routing import Route, Target
from grille.wire.specs import App, Formation, ProcessType, Release


def known(*routes: Route, **apps: tuple[str, ...]) -> Records:
    """Records of routes, and of apps (``_`` for a hyphen) with the process types that they run."""
    records = Records()
    stored: dict[str, object] = {keys.route(route.id): route for route in routes}
    for called, types in apps.items():
        name = called.replace("_", "-")
        processes = {one: ProcessType(command="x", port=5000) for one in types}
        stored[keys.app(name)] = App(name=name, created=1.0)
        if types:
            stored[keys.release(name, 1)] = Release(app=name, version=1, created=1.0, processes=processes)
            stored[keys.formation(name)] = Formation(app=name, release=1)
    for number, (key, record) in enumerate(stored.items(), 5):
        records.apply(Event("put", Entry(key, encode(record), 1, number, 1)))
    return records


def tcp(ident: str, port: int) -> Route:
    return Route(id=ident, host="", service="shop-web", created=1.0, app="shop", kind="tcp", port=port)


def http(ident: str, host: str, path: str = "/") -> Route:
    return Route(id=ident, host=host, path=path, service="shop-web", created=1.0, app="shop")


def tls(ident: str, host: str) -> Route:
    return Route(id=ident, host=host, service="shop-web", created=1.0, app="shop", kind="tls")


def test_the_lowest_free_port_is_given_and_kept() -> None:
    records = known(tcp("a", 100), tcp("b", 102))
    assert free_port(records, "new", range(100, 104)) == 101
    assert free_port(records, "b", range(100, 104)) == 102
    for ports, says in ((range(100, 101), "all 1 ports"), (range(0), "no connections")):
        with pytest.raises(GrilleError, match=says) as caught:
            free_port(records, "new", ports)
        assert "grille_router_tcp_ports" in caught.value.remedy
    check_port(http("h", "a.test"), range(0))
    for ports in (range(101, 104), range(0)):
        with pytest.raises(GrilleError, match="port 100 is not one of the routers'"):
            check_port(tcp("a", 100), ports)


@pytest.mark.parametrize(
    ("pattern", "host", "is_so"),
    [
        ("*", "a.test", True),
        ("*", "*.test", True),
        ("a.test", "a.test", True),
        ("*.test", "a.test", True),
        ("*.test", "b.a.test", True),
        ("*.test", "*.a.test", True),
        ("*.test", "*.test", True),
        ("*.test", "test", False),
        ("*.test", "atest", False),
        ("*.a.test", "*.test", False),
        ("*.test", "*", False),
        ("a.test", "*.test", False),
    ],
)
def test_which_pattern_covers_which_host(pattern: str, host: str, is_so: bool) -> None:
    assert covers(pattern, host) is is_so


def test_warnings_name_the_routes_and_not_too_many() -> None:
    records = known(*(http(f"h{n}", f"h{n}.a.test") for n in range(5)), tls("s", "*.b.test"))
    (line,) = warnings(records, tls("t", "*.a.test"))
    assert "h0, h1, h2 and 2 more" in line
    assert "route s" in warnings(records, http("n", "x.b.test"))[0]
    assert warnings(records, http("n", "x.a.test")) == warnings(records, tcp("n", 100)) == []


def test_a_target_s_service_is_the_app_s_that_has_such_a_process_type() -> None:
    records = known(shop=("web", "next-web"), shop_next=("web",), other=())
    assert target_app(records, "shop-next-web") == "shop-next"
    assert target_app(records, "shop-web") == "shop"
    assert target_app(records, "other-web") == "other"  # it has no release yet that could tell
    for service, code in (("shop-next-api", "unknown_process_type"), ("nobody-web", "unknown_service")):
        with pytest.raises(GrilleError) as caught:
            target_app(records, service)
        assert caught.value.code == code


def test_an_app_that_others_send_requests_to_is_in_use() -> None:
    def split(weight: int) -> Route:
        to = [Target(service="next-web", weight=weight)]
        return Route(id="r", host="a.test", service="shop-web", created=1.0, app="shop", targets=to)

    with pytest.raises(GrilleError, match=r"a\.test/"):
        check_unused(known(split(1), shop=("web",), next=("web",)), "next")
    check_unused(known(split(0), shop=("web",), next=("web",)), "next")
    check_unused(known(split(1), shop=("web",), next=("web",)), "shop")


def test_the_table_of_routes_is_short() -> None:
    to = [Target(service="next-web", weight=10)]
    route = Route(id="r", host="a.test", service="shop-web", created=1.0, app="shop", weight=30, targets=to, hsts=5)
    shares = {"weight": 30, "targets": [{"service": "next-web", "weight": 10}]}
    assert row(route) == {"id": "r", "app": "shop", "process": "web", **shares, "hsts": 5}
    assert services(route) == ["shop-web 75 %", "next-web 25 %"]
    assert [address(one) for one in (route, tcp("t", 100), tls("s", "*"))] == ["a.test/", "tcp 100", "tls *"]


def test_routes_of_http_are_told_first() -> None:
    records = known(tcp("t", 100), tls("s", "a.test"), http("r", "b.test"))
    assert [one.id for one in present_routes.routes(records)] == ["r", "s", "t"]
    first = present_routes.first_route(records, "shop")
    assert first is not None
    assert first.id == "r"


def test_the_routers_range_of_ports() -> None:
    def ports(**given: str) -> range:
        return config.read(Settings({"GRILLE_HOST": "h", **given})).edge.tcp

    assert ports() == range(20000, 20100)
    assert ports(GRILLE_ROUTER_TCP_PORTS="300-300") == range(300, 301)
    assert ports(GRILLE_ROUTER_TCP_PORTS="") == range(0)
    for wrong in ("x", "20000", "20010-20000", "0-5", "1-70000", "1-2-3"):
        with pytest.raises(InvalidValue, match="GRILLE_ROUTER_TCP_PORTS"):
            ports(GRILLE_ROUTER_TCP_PORTS=wrong)
