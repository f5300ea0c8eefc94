"""Limits of routes: sizes of bodies, rates of clients, requests at a time in one instance, time for an answer."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from aiohttp import web

from grille.wire.routing import Limits
from tests.services.router.features.client import careless, connect, get
from tests.services.router.features.origin import Start, told
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def post(router: Router, host: str, size: int, *, chunked: bool = False) -> int:
    """The status of a POST with a body of ``size`` bytes."""
    async with connect(router.http) as wire:
        head = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        wire.send(f"POST / HTTP/1.1\r\nHost: {host}\r\n{head}\r\n\r\n")
        wire.send(f"{size:x}\r\n{'z' * size}\r\n0\r\n\r\n" if chunked else "z" * size)
        return (await wire.reply()).status


async def test_bodies_above_the_limit_never_reach_the_app(router: Router, start: Start) -> None:
    origin = await start("body-web")
    await router.lay(http("body.example", "body-web", limits=Limits(body=1000)), http("any.example", "body-web"))
    assert await post(router, "body.example", 1000) == 200
    assert len(origin.requests) == 1
    assert await post(router, "body.example", 1001) == 413
    assert await post(router, "body.example", 10, chunked=True) == 411
    assert len(origin.requests) == 1
    assert (await router.get("body.example"))[0] == 200
    assert await post(router, "any.example", 200_000, chunked=True) == 200


async def test_a_body_over_http2_is_limited_too(router: Router, start: Start) -> None:
    origin = await start("body2-web")
    await router.lay(http("body2.example", "body2-web", limits=Limits(body=1000)))
    base = f"https://127.0.0.1:{router.https}"
    async with httpx.AsyncClient(http2=True, http1=False, verify=careless(()), base_url=base, timeout=20) as h2:
        host = {"Host": "body2.example"}
        assert (await h2.post("/", headers=host, content=b"z" * 1000)).status_code == 200
        assert (await h2.post("/", headers=host, content=b"z" * 1001)).status_code == 413
    assert len(origin.requests) == 1


async def asks(router: Router, host: str, source: str, times: int) -> list[int]:
    """The statuses of requests from one client, one after the other."""
    async with connect(router.http, source=source) as wire:
        return [(await wire.ask(get(host))).status for _ in range(times)]


async def test_a_client_above_its_rate_is_told_so_and_others_are_not(router: Router, start: Start) -> None:
    await start("rate-web")
    await router.lay(http("rate.example", "rate-web", limits=Limits(rate=2)), http("other-rate.example", "rate-web"))
    first = await asks(router, "rate.example", "127.0.0.21", 40)
    assert set(first) == {200, 429}
    assert 18 <= first.index(429) <= 22
    assert set(first[first.index(429) :]) == {429}
    assert await asks(router, "rate.example", "127.0.0.22", 15) == [200] * 15
    assert await asks(router, "other-rate.example", "127.0.0.21", 30) == [200] * 30
    async with asyncio.timeout(60):  # and it is let in again when it has been calm
        while (await asks(router, "rate.example", "127.0.0.21", 1)) != [200]:
            await asyncio.sleep(3)


async def test_requests_beyond_an_instances_concurrency_wait_in_a_queue(router: Router, start: Start) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(text="ok")

    origins = [await start("queue-web", ident, answer) for ident in ("a", "b")]
    await router.lay(http("queue.example", "queue-web", limits=Limits(concurrency=2)))
    begun = time.monotonic()
    replies = await asyncio.gather(*(router.get("queue.example") for _ in range(20)))
    assert replies == [(200, "ok")] * 20
    assert [origin.most for origin in origins] == [2, 2]
    assert time.monotonic() - begun > 0.9


async def test_an_app_that_takes_too_long_is_given_up_by_its_own_routes_limit(router: Router, start: Start) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(2.0)
        return web.Response(text="late")

    origin = await start("late-web", "one", answer)
    await router.lay(
        http("late.example", "late-web", timeout=0.5),
        http("late.example", "late-web", "/patient", timeout=10),
        http("usual.example", "late-web"),
    )
    begun = time.monotonic()
    early, patient, usual = await asyncio.gather(
        router.get("late.example"), router.get("late.example", "/patient"), router.get("usual.example")
    )
    assert early[0] == 504
    assert "app_timeout" in early[1]
    assert (patient, usual) == ((200, "late"), (200, "late"))
    assert time.monotonic() - begun < 15
    assert len(origin.requests) == 3  # what timed out was not tried again


async def test_a_slow_upload_is_not_taken_for_a_slow_answer(router: Router, start: Start) -> None:
    await start("trickle-web")
    await router.lay(http("trickle.example", "trickle-web", timeout=1.0, idle_timeout=5.0))
    async with connect(router.http) as wire:
        wire.send("POST / HTTP/1.1\r\nHost: trickle.example\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.3)
            wire.send("z")
        reply = await wire.reply()
    assert reply.status == 200
    assert told(reply.body)["size"] == 8
