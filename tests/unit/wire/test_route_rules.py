"""Which routes there may be: what a request says becomes one record, and each thing that is wrong one line."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from grille.codec import decode, encode
from grille.wire.errors import InvalidValue
from grille.wire.route_body import FIELDS, body_of, read_route
from grille.wire.route_rules import MOST_OPTIONS, MOST_PAGE, check_app_routing, check_route
from grille.wire.routing import AppRouting, Headers, Limits, Redirect, Route, Target

BASE: dict[str, Any] = {"app": "shop", "host": "shop.example.org"}
TCP: dict[str, Any] = {"app": "shop", "kind": "tcp", "port": 20000}
TLS: dict[str, Any] = {"app": "shop", "kind": "tls", "host": "db.example.org"}
WHOLE: dict[str, Any] = {
    "host": "*.example.org",
    "path": "/api",
    "app": "shop",
    "process": "api",
    "kind": "http",
    "port": 0,
    "strip": True,
    "weight": 90,
    "targets": [{"service": "shop-next-web", "weight": 10}],
    "leader": True,
    "sticky": True,
    "protocol": "h2c",
    "proxy_protocol": True,
    "compress": True,
    "https_only": True,
    "redirect": {"to": "https://www.example.net:8443/new", "code": 302},
    "headers": {"request": {"X-From": "grid"}, "response": {"Server": "", "X-Note": "a | b & c # \\ ; é %"}},
    "hsts": 300,
    "timeout": 12.5,
    "idle_timeout": 600.0,
    "limits": {"body": 1024, "rate": 2.5, "concurrency": 4},
    "resend": False,
    "client_certificate": "required",
}


def read(**body: Any) -> Route:
    return read_route("r", body, 1.0)


def refused(body: dict[str, Any]) -> InvalidValue:
    """The error, which must be one line of moderate length, with a remedy, that UTF-8 can say."""
    with pytest.raises(InvalidValue) as caught:
        read_route("r", body, 1.0)
    text = str(caught.value)
    assert caught.value.remedy
    assert caught.value.code != "invalid"
    assert len(text) < 500
    assert all(letter.isprintable() for letter in text), text
    text.encode()
    return caught.value


def test_a_route_that_says_little_has_the_defaults() -> None:
    assert read(**BASE) == Route(id="r", host="shop.example.org", service="shop-web", created=1.0, app="shop")
    assert read(**BASE, **dict.fromkeys(set(FIELDS) - set(BASE))) == read(**BASE)
    assert (read(**TCP).idle_timeout, read(**TLS).idle_timeout, read(**BASE).idle_timeout) == (3600.0, 3600.0, 55.0)


def test_a_route_that_says_all_is_read_and_told_in_full() -> None:
    assert set(WHOLE) == set(FIELDS)
    route = read(**WHOLE)
    assert route.targets == [Target(service="shop-next-web", weight=10)]
    assert (route.redirect, route.limits) == (
        Redirect(to="https://www.example.net:8443/new", code=302),
        Limits(body=1024, rate=2.5, concurrency=4),
    )
    assert body_of(route) == WHOLE
    assert decode(Route, encode(route)) == route


@pytest.mark.parametrize("body", [BASE, TCP, TLS, WHOLE], ids=["http", "tcp", "tls", "whole"])
def test_what_is_told_makes_the_same_route(body: dict[str, Any]) -> None:
    assert read(**json.loads(json.dumps(body_of(read(**body))))) == read(**body)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("WWW.Example.ORG", "www.example.org"), ("shop.example.org.", "shop.example.org"), ("*.A.b", "*.a.b"), ("*", "*")],
)
def test_hosts_are_kept_in_one_way(given: str, kept: str) -> None:
    assert read(app="shop", host=given).host == kept


def test_paths_are_kept_without_the_last_slash_and_redirects_too() -> None:
    assert read(**BASE, path="/a/b/").path == "/a/b"
    assert read(**BASE, path="/%c3%a9").path == "/%c3%a9"
    assert read(**BASE, redirect={"to": "https://www.example.org/"}).redirect == Redirect(to="https://www.example.org")


def test_targets_are_named_by_app_process_or_service() -> None:
    targets: list[Any] = [
        {"app": "shop-next", "weight": 5},
        {"process": "beta", "weight": 0},
        {"service": "x-y", "weight": 1},
    ]
    assert [one.service for one in read(**BASE, targets=targets).targets] == ["shop-next-web", "shop-beta", "x-y"]


HOSTS: list[Any] = [
    "",
    ".",
    "..",
    "a..b",
    " ",
    "a b",
    "a\r\nb.example.org",
    "a.example.org\n",
    "a\0b",
    "a\tb",
    "a|b",
    "a#b",
    "a&b",
    "a\\b",
    "a/b",
    "a;b",
    "a:80",
    "a'b",
    'a"b',
    "a_b.example.org",
    "-a.example.org",
    "*.",
    "*.*.example.org",
    "a.*.example.org",
    "**",
    "*example.org",
    "a" * 64 + ".example.org",
    "a." * 150 + "b",
    "x" * 1_000_000,
    "\ud800.example.org",
    "\u2028",
    5,
    True,
    ["a"],
    {"a": 1},
    1.5,
]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: repr(host)[:30])
def test_hosts_that_cannot_be(host: Any) -> None:
    assert refused({"app": "shop", "host": host}).code in ("invalid_host", "invalid_host_name")


def test_a_name_in_another_alphabet_is_told_in_punycode() -> None:
    assert "xn--bcher-kva.example.org" in refused({"app": "shop", "host": "bücher.example.org"}).remedy
    assert "xn--" in refused({"app": "shop", "host": "*.ö\u2024.org"}).remedy
    assert read(app="shop", host="xn--bcher-kva.example.org").host == "xn--bcher-kva.example.org"


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "//",
        "/a//b",
        "/a b",
        "/a\r\nX: y",
        "/a\n",
        "/\x00",
        "/a|b",
        "/a#b",
        "/a;b",
        "/a\\b",
        '/"',
        "/'",
        "/a?b",
        "/<<",
        "/../a",
        "/a/.",
        "/%",
        "/%zz",
        "/é",
        "/" + "a" * 200,
        "/" * 100000,
        5,
        True,
        ["/"],
    ],
    ids=lambda path: repr(path)[:30],
)
def test_paths_that_cannot_be(path: Any) -> None:
    assert refused({**BASE, "path": path}).code == "invalid_path"


REDIRECT = "invalid_redirect"
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"hots": "x"}, "unknown_key"),
    "what the API tells is no field": ({"service": "x"}, "unknown_key"),
    "a field's name with CR/LF": ({"a\r\nb": 1}, "unknown_key"),
    "app": ({"app": "Shop|x"}, "invalid_app_name"),
    "app missing": ({"app": None}, "invalid_app_name"),
    "process": ({"process": "We b"}, "invalid_process_type"),
    "process is a number": ({"process": 1}, "invalid_process"),
    "kind": ({"kind": "udp"}, "invalid_kind"),
    "kind is a list": ({"kind": ["http"]}, "invalid_kind"),
    "port of an http route": ({"port": 20000}, "invalid_port"),
    "port is true": ({**TCP, "host": None, "port": True}, "invalid_port"),
    "port is a float": ({**TCP, "host": None, "port": 20000.0}, "invalid_port"),
    "port is a text": ({**TCP, "host": None, "port": "20000"}, "invalid_port"),
    "port below": ({**TCP, "host": None, "port": -1}, "invalid_port"),
    "port above": ({**TCP, "host": None, "port": 65536}, "invalid_port"),
    "no port": ({"kind": "tcp", "host": None}, "invalid_port"),
    "host of a tcp route": ({**TCP, "host": "a.b"}, "invalid_host"),
    "path of a tcp route": ({**TCP, "host": None, "path": "/a"}, "invalid_host"),
    "path of a tls route": ({**TLS, "path": "/a"}, "invalid_path"),
    "port of a tls route": ({**TLS, "port": 443}, "invalid_port"),
    "idle timeout of a tcp route": ({**TCP, "host": None, "idle_timeout": 60}, "invalid_idle_timeout"),
    "weight of a tcp route": ({**TCP, "host": None, "weight": 5}, "invalid_weight"),
    "strip is a number": ({"strip": 1}, "invalid_strip"),
    "strip is a word": ({"strip": "yes"}, "invalid_strip"),
    "leader": ({"leader": 0}, "invalid_leader"),
    "weight is true": ({"weight": True}, "invalid_weight"),
    "weight is a float": ({"weight": 1.0}, "invalid_weight"),
    "weight below": ({"weight": -1}, "invalid_weight"),
    "weight above": ({"weight": 1001}, "invalid_weight"),
    "targets are a mapping": ({"targets": {"app": "a", "weight": 1}}, "invalid_targets"),
    "target is a word": ({"targets": ["shop-next"]}, "invalid_targets"),
    "target's field": ({"targets": [{"ap": "a", "weight": 1}]}, "unknown_key"),
    "target's weight missing": ({"targets": [{"app": "a"}]}, "invalid_targets"),
    "target's weight is true": ({"targets": [{"app": "a", "weight": True}]}, "invalid_targets"),
    "target's weight above": ({"targets": [{"app": "a", "weight": 5000}]}, "invalid_targets"),
    "target's app": ({"targets": [{"app": "a b", "weight": 1}]}, "invalid_app_name"),
    "target's service": ({"targets": [{"service": "a|b", "weight": 1}]}, "invalid_service"),
    "target named twice": ({"targets": [{"app": "a", "service": "a-web", "weight": 1}]}, "invalid_targets"),
    "a target that is the route's own": ({"targets": [{"app": "shop", "weight": 1}]}, "invalid_targets"),
    "too many targets": ({"targets": [{"app": f"a{n}", "weight": 1} for n in range(5)]}, "invalid_targets"),
    "no weight at all": ({"weight": 0, "targets": [{"app": "a", "weight": 0}]}, "invalid_weight"),
    "protocol": ({"protocol": "h2"}, "invalid_protocol"),
    "client certificate": ({"client_certificate": True}, "invalid_client_certificate"),
    "redirect is a text": ({"redirect": "https://a.b"}, "invalid_redirect"),
    "redirect to nothing": ({"redirect": {}}, "invalid_redirect"),
    "redirect's code": ({"redirect": {"to": "https://a.b", "code": 200}}, "invalid_redirect"),
    "redirect's code is a float": ({"redirect": {"to": "https://a.b", "code": 301.0}}, "invalid_redirect"),
    "redirect's field": ({"redirect": {"to": "https://a.b", "status": 301}}, "unknown_key"),
    "redirect in a circle": ({"redirect": {"to": "https://shop.example.org"}}, "invalid_redirect"),
    "redirect deeper in a circle": (
        {"path": "/a", "redirect": {"to": "http://SHOP.example.org/a"}},
        "invalid_redirect",
    ),
    "headers are a list": ({"headers": []}, "invalid_headers"),
    "headers' field": ({"headers": {"X-A": "b"}}, "unknown_key"),
    "header's table": ({"headers": {"request": ["X-A"]}}, "invalid_headers"),
    "header's value is a number": ({"headers": {"request": {"X-A": 1}}}, "invalid_headers"),
    "header twice": ({"headers": {"request": {"X-A": "1", "x-a": "2"}}}, "invalid_headers"),
    "too many headers": ({"headers": {"request": {f"X-{n}": "" for n in range(21)}}}, "invalid_headers"),
    "hsts is true": ({"hsts": True}, "invalid_hsts"),
    "hsts below": ({"hsts": -1}, "invalid_hsts"),
    "timeout is true": ({"timeout": True}, "invalid_timeout"),
    "timeout is a text": ({"timeout": "30"}, "invalid_timeout"),
    "timeout is no number": ({"timeout": math.nan}, "invalid_timeout"),
    "timeout without end": ({"timeout": math.inf}, "invalid_timeout"),
    "timeout above": ({"timeout": 3601}, "invalid_timeout"),
    "timeout 0": ({"timeout": 0}, "invalid_timeout"),
    "timeout far above": ({"timeout": 10**400}, "invalid_timeout"),
    "idle timeout": ({"idle_timeout": -math.inf}, "invalid_idle_timeout"),
    "limits are a number": ({"limits": 5}, "invalid_limits"),
    "limits' field": ({"limits": {"bodies": 5}}, "unknown_key"),
    "body is a float": ({"limits": {"body": 1e6}}, "invalid_limits"),
    "body far above": ({"limits": {"body": 2**63}}, "invalid_limits"),
    "rate is true": ({"limits": {"rate": True}}, "invalid_limits"),
    "rate too small": ({"limits": {"rate": 0.01}}, "invalid_limits"),
    "concurrency below": ({"limits": {"concurrency": -1}}, "invalid_limits"),
}


@pytest.mark.parametrize("case", WRONG)
def test_values_that_cannot_be(case: str) -> None:
    body, code = WRONG[case]
    assert refused({**BASE, **body}).code == code


@pytest.mark.parametrize("name", ["strip", "sticky", "compress", "https_only"])
@pytest.mark.parametrize("kind", [TCP, TLS], ids=["tcp", "tls"])
def test_what_needs_http_is_not_for_bytes(kind: dict[str, Any], name: str) -> None:
    assert refused({**kind, name: True}).code == f"invalid_{name}"
    assert read(**kind, leader=True, proxy_protocol=True).leader


NASTY = ["\r\n", "\n", "\r", "\0", "\x85", "\u2028", "\u2029", "\x7f", "\x1b", "\ud800", "\x0b"]


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_no_header_brings_a_second_line(text: str) -> None:
    for way in ("request", "response"):
        assert refused({**BASE, "headers": {way: {"X-A": f"a{text}b"}}}).code == "invalid_headers"
        assert refused({**BASE, "headers": {way: {f"X-A{text}": "b"}}}).code == "invalid_headers"
    assert refused({**BASE, "redirect": {"to": f"https://a.b/{text}"}}).code == "invalid_redirect"


@pytest.mark.parametrize(
    "name", ["", "X A", "X:", "X|A", "X&a=b", "X%41", "#x", "Host", "content-length", "TE", "é", "x" * 81]
)
def test_headers_that_cannot_be_set(name: str) -> None:
    assert refused({**BASE, "headers": {"request": {name: "x"}}}).code == "invalid_headers"


@pytest.mark.parametrize(
    "to",
    [
        "/new",
        "ftp://a.b",
        "https://",
        "https://.",
        "https://a..b",
        "https://a.b:0",
        "https://a.b:70000",
        "https://a.b|c",
        "https://user@a.b",
        "https://a.b/?q=1",
        "https://a.b/#x",
        "https://a.b/\\",
        "https://a.b/%",
        "https://-a.b",
        "https://a.b/" + "a" * 600,
        "javascript:x",
        "https://[::1]",
        "https://bücher.org",
    ],
)
def test_redirects_that_cannot_be(to: str) -> None:
    assert refused({**BASE, "redirect": {"to": to}}).code == "invalid_redirect"


def test_all_options_of_a_route_fit_one_line() -> None:
    assert read(**BASE, headers={"request": {f"X-{n}": "a" * 250 for n in range(20)}})
    assert refused({**BASE, "headers": {"request": {f"X-{n}": "é" * 250 for n in range(20)}}}).code == "invalid_headers"
    most = Headers(request={"X-A": "a" * 1000}, response={f"X-{n}": "é" * 160 for n in range(4)})
    assert len(quote("".join(most.response.values()))) < MOST_OPTIONS
    assert check_route(replace(read(**BASE), headers=most))


def test_records_from_the_store_are_held_to_the_same() -> None:
    for wrong in ({"app": "a|b"}, {"id": "a b"}, {"service": "a&b"}, {"host": "A.b"}, {"path": "/a/"}):
        with pytest.raises(InvalidValue):
            check_route(replace(read(**BASE), **wrong))


def test_what_passes_is_one_word_for_haproxy() -> None:
    """Random text of what maps and command lines are made of: it is refused, or in no part that is not encoded."""
    draw = random.Random(7)
    alphabet = "aZ0.-/*%&|#;\\\"' \t\r\n\0<>=,$@é\ud800\u2028"
    passed = 0
    for _ in range(20_000):
        host, path = ("".join(draw.choices(alphabet, k=draw.randint(1, 6))) for _ in range(2))
        try:
            route = read(app="shop", host=host, path=f"/{path}")
        except InvalidValue:
            continue
        passed += 1
        key = f"{route.host}{route.path}/"
        assert not set(key) & set("|#;\\\"' \t\r\n\0<>"), key
        assert key.isascii()
    assert passed > 20


@pytest.mark.parametrize("name", ["error_page", "maintenance_page"])
def test_pages(name: str) -> None:
    page: dict[str, Any] = {name: "é" * (MOST_PAGE // 2)}
    assert check_app_routing(AppRouting(app="shop", **page))
    for wrong in ("é" * (MOST_PAGE // 2) + "a", "a\0", "\ud800"):
        wish: dict[str, Any] = {name: wrong}
        with pytest.raises(InvalidValue) as caught:
            check_app_routing(AppRouting(app="shop", **wish))
        assert caught.value.code == f"invalid_{name}"
