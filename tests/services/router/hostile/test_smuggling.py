"""Requests that a proxy and an app might read differently: no app may ever see one that the router did not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.services.router.features.client import connect, get
from tests.services.router.hostile.strict import Strict
from tests.services.router.records import http, instance
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOST = "smuggle.example"
HIDDEN = f"GET /hidden HTTP/1.1\r\nHost: {HOST}\r\nX-Hidden: 1\r\n\r\n"
CHUNKED = f"0\r\n\r\n{HIDDEN}"


def post(*lines: str, body: str = CHUNKED) -> str:
    """A POST with these header lines."""
    return "\r\n".join(["POST /probe HTTP/1.1", f"Host: {HOST}", *lines, "", body])


def length(value: str) -> str:
    """A header line."""
    return f"Content-Length: {value}"


FULL = length(str(len(CHUNKED)))
CODINGS = {
    "space before the colon": "Transfer-Encoding : chunked",
    "tab before the colon": "Transfer-Encoding\t: chunked",
    "tab after the colon": "Transfer-Encoding:\tchunked",
    "vertical tab": "Transfer-Encoding: \x0bchunked",
    "form feed": "Transfer-Encoding:\x0cchunked",
    "NUL in the value": "Transfer-Encoding: chunked\x00",
    "NUL in the name": "Transfer-\x00Encoding: chunked",
    "leading space": " Transfer-Encoding: chunked",
    "folded name": "X-Fold: a\r\n Transfer-Encoding: chunked",
    "folded value": "Transfer-Encoding:\r\n chunked",
    "folded by a tab": "Transfer-Encoding:\r\n\tchunked",
    "bare CR before": "X-Bare: a\rTransfer-Encoding: chunked",
    "bare LF before": "X-Bare: a\nTransfer-Encoding: chunked",
    "CR at the end": "Transfer-Encoding: chunked\r",
    "quoted": 'Transfer-Encoding: "chunked"',
    "apostrophes": "Transfer-Encoding: 'chunked'",
    "other case": "tRANSFER-eNCODING: CHUNKED",
    "unknown coding": "Transfer-Encoding: xchunked",
    "chunked then identity": "Transfer-Encoding: chunked, identity",
    "identity then chunked": "Transfer-Encoding: identity, chunked",
    "chunked twice": "Transfer-Encoding: chunked, chunked",
    "two headers": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "two headers, reversed": "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "gzip, chunked": "Transfer-Encoding: gzip, chunked",
    "empty": "Transfer-Encoding:",
    "comma": "Transfer-Encoding: ,chunked",
    "semicolon": "Transfer-Encoding: chunked;q=1",
    "underscore": "Transfer_Encoding: chunked",
    "not ASCII": "Transfer-Encoding: chunke\xe4",
    "no break space": "Transfer-Encoding:\xa0chunked",
}
LENGTHS = {
    "plus sign": length(f"+{len(CHUNKED)}"),
    "minus": length("-1"),
    "hexadecimal": length(hex(len(CHUNKED))),
    "two numbers": length("0, 5"),
    "space within": length("5 0"),
    "empty": length(""),
    "huge": length("9" * 30),
    "wraps round 64 bits": length(str((1 << 64) + 5)),
    "leading zeros": length(f"000{len(CHUNKED)}"),
    "comma list of the same": length(f"{len(CHUNKED)}, {len(CHUNKED)}"),
    "twice the same": f"{FULL}\r\n{FULL}",
    "contradicting": f"{length('0')}\r\n{FULL}",
    "contradicting, reversed": f"{FULL}\r\n{length('0')}",
    "space before the colon": f"Content-Length : {len(CHUNKED)}",
    "folded": f"Content-Length:\r\n {len(CHUNKED)}",
    "bare CR": f"X-Bare: a\rContent-Length: {len(CHUNKED)}",
    "underscore": f"Content_Length: {len(CHUNKED)}",
    "fraction": length("1.0"),
    "not ASCII digits": length("\xb2"),
}
PROBES = {
    "CL.TE": post(FULL, "Transfer-Encoding: chunked"),
    "TE.CL": post(length("4"), "Transfer-Encoding: chunked", body=f"{len(HIDDEN):x}\r\n{HIDDEN}\r\n0\r\n\r\n"),
    "TE first": post("Transfer-Encoding: chunked", FULL),
    "connection names the length": post("Connection: Content-Length, close", FULL),
    "connection names the coding": post("Connection: Transfer-Encoding", "Transfer-Encoding: chunked", FULL),
    "HTTP/1.0 chunked": post("Transfer-Encoding: chunked").replace("HTTP/1.1", "HTTP/1.0", 1),
    "GET with a body": post(FULL).replace("POST", "GET", 1),
    "HEAD with a body": post(FULL).replace("POST", "HEAD", 1),
    "no length at all": post(body=HIDDEN),
    "upgrade with a body": post("Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", FULL),
    "upgrade to a websocket": post("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 9", FULL),
    "chunk size with a sign": post("Transfer-Encoding: chunked", body=f"+0\r\n\r\n{HIDDEN}"),
    "chunk size 0x0": post("Transfer-Encoding: chunked", body=f"0x0\r\n\r\n{HIDDEN}"),
    "chunk size too large": post("Transfer-Encoding: chunked", body=f"{'f' * 17}0\r\n\r\n{HIDDEN}"),
    "chunk ended by LF": post("Transfer-Encoding: chunked", body=f"0\n\n{HIDDEN}"),
    "chunk extension with LF": post("Transfer-Encoding: chunked", body=f"0;a\nb\r\n\r\n{HIDDEN}"),
    "chunk extension with CR": post("Transfer-Encoding: chunked", body=f"1;a\rb\r\nx\r\n0\r\n\r\n{HIDDEN}"),
    "chunk longer than told": post("Transfer-Encoding: chunked", body=f"1\r\nxyz\r\n0\r\n\r\n{HIDDEN}"),
    "trailer with a length": post("Transfer-Encoding: chunked", body=f"0\r\n{length('5')}\r\n\r\n{HIDDEN}"),
    "head ended by LF": post(FULL).replace("\r\n", "\n"),
    "spaces in the target": post(FULL).replace("/probe", f"/probe HTTP/1.1\tHost: {HOST}"),
    "absolute target of another host": post(FULL).replace("/probe", "http://other.example/probe"),
    "CONNECT": f"CONNECT {HOST}:80 HTTP/1.1\r\nHost: {HOST}:80\r\n\r\n{HIDDEN}",
    "two hosts": post("Host: other.example", FULL),
    "two hosts the same": post(f"Host: {HOST}", FULL),
    "host with a space before the colon": post("Host : other.example", FULL),
    "folded host": post(FULL).replace(f"Host: {HOST}", f"Host: {HOST}\r\n other.example"),
    "no host": post(FULL).replace(f"Host: {HOST}\r\n", "", 1),
    "header without a colon": post("no colon here", FULL),
    "header without a name": post(": no name", FULL),
    "NUL in a value": post("X-Nul: a\x00b", FULL),
    "CR in a value": post("X-Cr: a\rX-Injected: b", FULL),
    "HTTP/0.9": "GET /probe\r\n\r\n",
    "HTTP/2 preface": f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{HIDDEN}",
    "version 1.2": post(FULL).replace("HTTP/1.1", "HTTP/1.2", 1),
    "version 11.1": post(FULL).replace("HTTP/1.1", "HTTP/11.1", 1),
    **{f"coding: {name}": post(FULL, line) for name, line in CODINGS.items()},
    **{f"coding first: {name}": post(line, FULL) for name, line in CODINGS.items()},
    **{f"length: {name}": post(line) for name, line in LENGTHS.items()},
    **{f"length and coding: {name}": post(line, "Transfer-Encoding: chunked") for name, line in LENGTHS.items()},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(router: Router) -> AsyncIterator[Strict]:
    """The app of two hosts, whose hidden path the router leads elsewhere: to nobody."""
    strict = Strict()
    async with strict.server as server:
        await router.lay(
            instance("smuggle-web", "one", server.port),
            http(HOST, "smuggle-web"),
            http("victim.example", "smuggle-web"),
            http(HOST, "nobody-web", "/hidden"),
        )
        yield strict


@pytest.mark.parametrize("name", PROBES)
async def test_the_app_sees_what_the_router_saw_and_nothing_else(router: Router, app: Strict, name: str) -> None:
    before = len(app.requests)
    app.wrong.clear()
    async with connect(router.http) as wire:
        wire.send(PROBES[name])
        wire.send(get(HOST, "/after", "Connection: close"))
        with contextlib.suppress(TimeoutError):
            await wire.ends(within=0.4)
    for number in range(2):  # whoever comes next gets the answer to what he asked
        async with connect(router.http) as wire:
            async with asyncio.timeout(20):
                assert (await wire.ask(get("victim.example", f"/victim-{number}"))).body == f"/victim-{number}".encode()
    came = app.requests[before:]
    assert not app.wrong
    assert "/hidden" not in [request.target for request in came]
    for request in came:
        assert len(request.values("x-request-start")) == 1, request  # the router's own mark
        assert request.values("host")[0] in (HOST, f"{HOST}:80", "victim.example"), request
        assert request.values("x-injected") == []
        assert request.values("x-hidden") == []


async def test_a_plain_request_of_the_same_shape_does_pass(router: Router, app: Strict) -> None:
    for lines, body in (((length("5"),), "hello"), (("Transfer-Encoding: chunked",), "5\r\nhello\r\n0\r\n\r\n")):
        async with connect(router.http) as wire:
            assert (await wire.ask(post(*lines, body=body))).status == 200
        assert app.requests[-1].body == b"hello"
