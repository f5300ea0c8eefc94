"""HTTP/2 by real clients: httpx, and nghttp2's h2load."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from tests.services.router.features.client import careless
from tests.services.router.features.origin import Start, told
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")


def client(router: Router) -> httpx.AsyncClient:
    """An HTTP/2 client of one connection."""
    limits = httpx.Limits(max_connections=1)
    base = f"https://127.0.0.1:{router.https}"
    return httpx.AsyncClient(http2=True, http1=False, verify=careless(()), limits=limits, base_url=base, timeout=30)


async def test_streams_of_one_connection_do_not_wait_for_each_other(router: Router, start: Start) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(1.0)
        return web.Response(text=request.path)

    origin = await start("streams-web", "one", answer)
    await router.lay(http("streams.example", "streams-web"))
    async with client(router) as h2:
        asked = [h2.get(f"/{number}", headers={"Host": "streams.example"}) for number in range(50)]
        replies = await asyncio.gather(*asked)
    assert [reply.text for reply in replies] == [f"/{number}" for number in range(50)]
    assert {reply.http_version for reply in replies} == {"HTTP/2"}
    assert origin.most >= 25


async def test_large_headers_and_uploads_pass(router: Router, start: Start) -> None:
    await start("upload-web")
    await router.lay(http("upload.example", "upload-web"))
    async with client(router) as h2:
        reply = await h2.get("/", headers={"Host": "upload.example", "X-Large": "x" * 7000})
        assert told(reply.content)["headers"]["x-large"] == "x" * 7000
        reply = await h2.post("/", headers={"Host": "upload.example"}, content=b"z" * 1_000_000)
        assert told(reply.content)["size"] == 1_000_000


async def test_bodies_of_unknown_length_pass_both_ways(router: Router, start: Start) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        async for piece in request.content.iter_any():
            await reply.write(piece.upper())
        return reply

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(20):
            yield f"piece {number};".encode()

    await start("pieces-web", "one", answer)
    await router.lay(http("pieces.example", "pieces-web"))
    async with client(router) as h2:
        reply = await h2.post("/", headers={"Host": "pieces.example"}, content=pieces())
    assert reply.text == "".join(f"PIECE {number};" for number in range(20))


async def test_h2load_has_no_failed_request(router: Router, start: Start) -> None:
    await start("load-web", "one")
    await start("load-web", "two")
    await router.lay(http("load.example", "load-web"))
    command = ["h2load", "-n", "2000", "-c", "4", "-m", "20", "-H", ":authority: load.example"]
    command.append(f"https://127.0.0.1:{router.https}/")
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert re.search(r"requests: 2000 total, .* 2000 succeeded, 0 failed, 0 errored", done.stdout), done.stdout
    assert "status codes: 2000 2xx" in done.stdout
