"""HTTP/1.1 as clients speak it: kept connections, pipelining, interim answers, bodies of both kinds."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from tests.services.router.features.client import careless, connect, get
from tests.services.router.features.origin import Raw, Start, told
from tests.services.router.records import http, instance
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_one_connection_carries_many_requests(router: Router, start: Start) -> None:
    await start("keep-web")
    await router.lay(http("keep.example", "keep-web"))
    for tls in (None, careless()):
        async with connect(router.https if tls else router.http, tls=tls, name="keep.example") as wire:
            for number in range(20):
                reply = await wire.ask(get("keep.example", f"/{number}"))
                assert told(reply.body)["path"] == f"/{number}"


async def test_pipelined_requests_are_answered_in_their_order(router: Router, start: Start) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(0.3 if request.path == "/0" else 0)
        return web.Response(text=request.path)

    await start("pipe-web", "one", answer)
    await start("pipe-web", "two", answer)
    await router.lay(http("pipe.example", "pipe-web"))
    async with connect(router.http) as wire:
        wire.send("".join(get("pipe.example", f"/{number}") for number in range(10)))
        assert [(await wire.reply()).body.decode() for _ in range(10)] == [f"/{number}" for number in range(10)]


async def test_expect_continue_waits_for_the_app(router: Router) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"100-continue" in head.lower()
        if b"/refused" in head:
            writer.write(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(5)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)

    head = "POST {} HTTP/1.1\r\nHost: expect.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    async with Raw(script) as app:
        await router.lay(instance("expect-web", "one", app.port), http("expect.example", "expect-web"))
        async with connect(router.http) as wire:
            assert (await wire.ask(head.format("/"))).status == 100
            reply = await wire.ask("hello")
            assert (reply.status, reply.body) == (200, b"hello")
        async with connect(router.http) as wire:
            assert (await wire.ask(head.format("/refused"))).status == 417


async def test_early_hints_pass_before_the_answer(router: Router) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with Raw(script) as app:
        await router.lay(instance("hints-web", "one", app.port), http("hints.example", "hints-web"))
        async with connect(router.http) as wire:
            hint = await wire.ask(get("hints.example"))
            assert (hint.status, hint.header("link")) == (103, "</a.css>; rel=preload")
            assert (await wire.reply()).body == b"ok"


async def test_chunked_bodies_both_ways_with_trailers(router: Router) -> None:
    came: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        came.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        for piece in (b"one", b"two" * 1000, b"three"):
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\nX-Sum: 42\r\n\r\n")

    async with Raw(script) as app:
        await router.lay(instance("chunk-web", "one", app.port), http("chunk.example", "chunk-web"))
        async with connect(router.http) as wire:
            wire.send("POST / HTTP/1.1\r\nHost: chunk.example\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in (b"alpha", b"beta"):
                wire.send(b"%x;note=1\r\n%s\r\n" % (len(piece), piece))
                await asyncio.sleep(0.05)
            reply = await wire.ask("0\r\n\r\n")
    assert reply.body == b"one" + b"two" * 1000 + b"three"
    assert reply.trailers == [("x-sum", "42")]
    assert b"alpha" in came[0]
    assert b"beta" in came[0]


async def test_answers_without_bodies_keep_the_connection_usable(router: Router, start: Start) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        status = int(request.path[1:])
        headers = {"ETag": '"x"'} if status == 304 else {}
        return web.Response(status=status, headers=headers, body=b"body" if status == 200 else None)

    await start("bare-web", "one", answer)
    await router.lay(http("bare.example", "bare-web"))
    async with connect(router.http) as wire:
        head = await wire.ask(get("bare.example", "/200", method="HEAD"), "HEAD")
        assert (head.status, head.header("content-length")) == (200, "4")
        assert (await wire.ask(get("bare.example", "/204"))).status == 204
        unchanged = await wire.ask(get("bare.example", "/304"))
        assert (unchanged.status, unchanged.header("etag")) == (304, '"x"')
        assert (await wire.ask(get("bare.example", "/200"))).body == b"body"


async def test_old_clients_of_http_1_0_are_served(router: Router, start: Start) -> None:
    await start("old-web")
    await router.lay(http("old.example", "old-web"))
    async with connect(router.http) as wire:
        reply = await wire.ask("GET /x HTTP/1.0\r\nHost: old.example\r\n\r\n")
        assert told(reply.body)["path"] == "/x"
        assert await wire.ends() == b""


async def test_uploads_and_downloads_of_many_megabytes_arrive_whole(router: Router, start: Start) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=(await request.content.read())[::-1])

    origin = await start("large-web", "one", answer)
    await router.lay(http("large.example", "large-web"))
    data = bytes(range(256)) * 32768
    url = f"http://127.0.0.1:{router.http}/"
    async with router.client.put(url, data=data, headers={"Host": "large.example"}) as reply:
        assert await reply.read() == data[::-1]
    assert len(origin.requests) == 1
