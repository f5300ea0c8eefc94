"""Hosts and paths made to be taken for something else: each request goes to its own app, or to nobody."""

from __future__ import annotations

import pytest

from tests.services.router.features.client import connect, get
from tests.services.router.features.origin import Origin, Start, told
from tests.services.router.hostile.h2raw import connect2, pairs
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")
SAME = ("t.example", "T.EXAMPLE", "t.example.", "t.example:80", "T.Example.:8080", "t.example:")
# fmt: off
NOBODY = (
    "user@t.example", "user:pw@t.example", "t.example@other.example", "http://t.example", "t.example/",
    "t.example/in", "t.example/in/", "other.example/..", "t.example%00", "t.example%2Fin", "t%2eexample",
    "t.example|x", "|", "-|x|y", "t.example?x", "t.example#x", "t.example\\x", "t.example;x",
    "t.example, other.example", "t.example other.example", "t.example\tother.example", "t..example",
    ".t.example", "..", ".", "*", "*.t.example", "*.example", "[::1]", "[::1]:80",
    "[t.example]", "::1", "127.0.0.1", "0", "localhost", "", ":", ":80", "-", "?", "%", "%[src]",
    "t\xe9.example", "\xff", "xn--t-.example", "<<", "@1", "#t.example", "add map", "routes.map",
    "t.example:80:80", "t.example:99999999", "t.example:x", "t.example\x7f", "\x01",
    "x" * 6000 + ".example", "a." * 2000 + "example",
)
# fmt: on
UNROUTED = (0, 400, 404, 421)


async def apps(start: Start, router: Router) -> tuple[Origin, Origin]:
    """The app of a host and that of a path of it."""
    whole, inner = await start("trick-web", "whole"), await start("inner-web", "inner")
    await router.lay(http("t.example", "trick-web"), http("t.example", "inner-web", "/in"))
    return whole, inner


async def test_names_of_the_same_host_are_the_same(router: Router, start: Start) -> None:
    await apps(start, router)
    for host in SAME:
        async with connect(router.http) as wire:
            assert told((await wire.ask(get(host))).body)["name"] == "whole", host
            assert told((await wire.ask(get(host, "/in"))).body)["name"] == "inner", host


async def test_any_other_name_is_nobodys(router: Router, start: Start) -> None:
    whole, inner = await apps(start, router)
    for host in NOBODY:
        for path in ("/", "/in", "/x"):
            async with connect(router.http) as wire:
                reply = await wire.ask(get(host, path).encode("latin-1"))
                if not (host.startswith("t.example:") and reply.status == 200):
                    assert reply.status in UNROUTED, (host, path, reply.status)
    assert {origin.requests[0].headers["Host"].partition(":")[0] for origin in (whole, inner) if origin.requests} <= {
        "t.example"
    }


async def test_any_other_name_is_nobodys_over_http2_either(router: Router, start: Start) -> None:
    whole, inner = await apps(start, router)
    for host in (*NOBODY, "t.example\x00", "t.example\r\nx: y"):
        async with connect2(router.https, "t.example") as wire:
            status = await wire.settle(wire.request(pairs(host, "/")))
            assert status in UNROUTED or host.startswith("t.example:"), (host, status)
    for origin in (whole, inner):
        assert {request.headers["Host"].partition(":")[0] for request in origin.requests} <= {"t.example"}


async def test_an_absolute_target_counts_and_contradictions_are_refused(router: Router, start: Start) -> None:
    whole, _ = await apps(start, router)
    other = await start("other-web", "other")
    await router.lay(http("other.example", "other-web"))
    async with connect(router.http) as wire:
        reply = await wire.ask(get("t.example", "http://t.example/x"))
        assert told(reply.body)["name"] == "whole"
        assert told(reply.body)["path"] in ("/x", "http://t.example/x")
    for target, host in (("http://other.example/", "t.example"), ("http://t.example/", "other.example")):
        async with connect(router.http) as wire:
            reply = await wire.ask(get(host, target))
            if reply.status == 200:
                answer = told(reply.body)
                assert {"whole": "t.example", "other": "other.example"}[answer["name"]] == answer["headers"]["host"]
            else:
                assert reply.status in (400, 421)
    assert {request.headers["Host"] for request in whole.requests} == {"t.example"}
    assert {request.headers["Host"] for request in other.requests} <= {"other.example"}


PATHS = {
    "/in": "inner",
    "/in/": "inner",
    "/in?x": "inner",
    "/inn": "whole",
    "/x/../in": "whole",
    "/./in": "whole",
    "//in": "whole",
    "/%69n": "whole",
    "/in%2f": "whole",
    "/in;x": "whole",
    "/in%00": "whole",
    "/IN": "whole",
    "/x?/in": "whole",
    "/in|x": "whole",
    "/in\\": "whole",
    "/%": "whole",
    "/|": "whole",
    "/" + "a/" * 3000: "whole",
}


@pytest.mark.parametrize("path", PATHS, ids=[path[:12] for path in PATHS])
async def test_paths_are_taken_as_they_are_written(router: Router, start: Start, path: str) -> None:
    """The router does not decode: an app that has a path of its own sees nothing that it was not asked by that name."""
    await apps(start, router)
    async with connect(router.http) as wire:
        reply = await wire.ask(get("t.example", path))
        assert reply.status == 400 or told(reply.body)["name"] == PATHS[path], (path, reply.status)
        assert reply.status == 400 or told(reply.body)["path"] == path
