"""Requests over HTTP/2 that would be others once they are written down as HTTP/1.1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.services.router.features.client import connect, get
from tests.services.router.hostile.h2raw import connect2, pairs
from tests.services.router.hostile.strict import Strict
from tests.services.router.records import http, instance
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOST = "down.example"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: down.example\r\nX-Hidden: 1\r\n\r\n"
Pairs = list[tuple[bytes, bytes]]


def swapped(name: bytes, value: bytes) -> Pairs:
    """A good request with one pseudo-header another."""
    return [(key, value if key == name else old) for key, old in pairs(HOST, "/probe", method="POST")]


def more(*extra: tuple[bytes, bytes]) -> Pairs:
    """A good request with more headers."""
    return pairs(HOST, "/probe", *extra, method="POST")


SPLIT = b"a\r\nHost: other.example\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN
PROBES: dict[str, tuple[Pairs, bytes]] = {
    "length too small": (more((b"content-length", b"0")), HIDDEN),
    "length too large": (more((b"content-length", b"9999")), HIDDEN),
    "two lengths": (more((b"content-length", b"0"), (b"content-length", str(len(HIDDEN)).encode())), HIDDEN),
    "transfer-encoding": (more((b"transfer-encoding", b"chunked")), b"0\r\n\r\n" + HIDDEN),
    "transfer-encoding in capitals": (more((b"Transfer-Encoding", b"chunked")), b"0\r\n\r\n" + HIDDEN),
    "transfer-encoding with a blank": (more((b"transfer-encoding ", b"chunked")), b"0\r\n\r\n" + HIDDEN),
    "connection": (more((b"connection", b"content-length")), HIDDEN),
    "CRLF in a value": (more((b"x-a", SPLIT)), b""),
    "LF in a value": (more((b"x-a", b"a\ntransfer-encoding: chunked")), b"0\r\n\r\n" + HIDDEN),
    "CR in a value": (more((b"x-a", b"a\rx-injected: b")), b""),
    "NUL in a value": (more((b"x-a", b"a\x00b")), b""),
    "CRLF in a name": (more((b"x-a: b\r\nx-injected", b"c")), b""),
    "colon in a name": (more((b"x-injected: a", b"b")), b""),
    "blank in a name": (more((b"x injected", b"b")), b""),
    "empty name": (more((b"", b"b")), b""),
    "CRLF in the path": (swapped(b":path", b"/probe HTTP/1.1\r\nHost: down.example\r\n\r\n" + HIDDEN), b""),
    "blank in the path": (swapped(b":path", b"/probe HTTP/1.1 x"), b""),
    "tab in the path": (swapped(b":path", b"/probe\tx"), b""),
    "path without a slash": (swapped(b":path", b"probe"), b""),
    "path that is an address": (swapped(b":path", b"http://other.example/probe"), b""),
    "empty path": (swapped(b":path", b""), b""),
    "NUL in the path": (swapped(b":path", b"/probe\x00"), b""),
    "request line in the method": (swapped(b":method", b"GET /hidden HTTP/1.1\r\nHost: down.example\r\n\r\nGET"), b""),
    "blank in the method": (swapped(b":method", b"GET /hidden"), b""),
    "CRLF in the authority": (swapped(b":authority", b"down.example\r\nX-Injected: b"), b""),
    "blank in the authority": (swapped(b":authority", b"down.example other.example"), b""),
    "another host beside the authority": (more((b"host", b"other.example")), b""),
    "two authorities": (more((b":authority", b"other.example")), b""),
    "authority after the headers": ([*more((b"x-a", b"b")), (b":authority", b"other.example")], b""),
    "two paths": (more((b":path", b"/hidden")), b""),
    "unknown pseudo-header": (more((b":hidden", b"1")), b""),
    "status": (more((b":status", b"200")), b""),
    "scheme with CRLF": (swapped(b":scheme", b"https\r\nX-Injected: 1"), b""),
    "scheme of another kind": (swapped(b":scheme", b"file"), b""),
    "CONNECT": ([(b":method", b"CONNECT"), (b":authority", b"down.example:80")], HIDDEN),
    "te": (more((b"te", b"chunked")), b""),
    "upgrade": (more((b"upgrade", b"h2c"), (b"connection", b"upgrade")), HIDDEN),
    "no method": ([pair for pair in more() if pair[0] != b":method"], b""),
    "no authority and no host": ([pair for pair in more() if pair[0] != b":authority"], b""),
    "host alone": ([*(pair for pair in more() if pair[0] != b":authority"), (b"host", b"down.example")], b""),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(router: Router) -> AsyncIterator[Strict]:
    """The app of two hosts, whose hidden path the router leads elsewhere: to nobody."""
    strict = Strict()
    async with strict.server as server:
        await router.lay(
            instance("down-web", "one", server.port),
            http(HOST, "down-web"),
            http("victim2.example", "down-web"),
            http(HOST, "nobody-web", "/hidden"),
        )
        yield strict


@pytest.mark.parametrize("name", PROBES)
async def test_the_app_sees_what_the_router_saw_and_nothing_else(router: Router, app: Strict, name: str) -> None:
    before = len(app.requests)
    app.wrong.clear()
    headers, body = PROBES[name]
    async with connect2(router.https, HOST) as wire:
        stream = wire.request(headers, body)
        await wire.settle(stream, within=0.5)
    async with connect(router.http) as plain:
        async with asyncio.timeout(20):
            assert (await plain.ask(get("victim2.example", "/victim"))).body == b"/victim"
    assert not app.wrong
    for request in app.requests[before:]:
        assert request.target in ("/probe", "/victim", f"file://{HOST}/probe"), request
        assert len(request.values("x-request-start")) == 1, request
        assert request.values("host")[0] in (HOST, f"{HOST}:80", "victim2.example"), request
        assert request.values("x-injected") == request.values("x-hidden") == []


async def test_a_good_request_of_the_same_shape_does_pass(router: Router, app: Strict) -> None:
    async with connect2(router.https, HOST) as wire:
        stream = wire.request(more((b"content-length", b"5"), (b"x-a", b"b")), b"hello")
        assert await wire.settle(stream) == 200
    assert (app.requests[-1].target, app.requests[-1].body) == ("/probe", b"hello")
