"""Requests without a usable server wait for one; what may have been begun is sent again only if that is safe."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from tests.services.router.conftest import Apps
from tests.services.router.dataplane.rig import B0, Dataplane, Port, closed_port, line

ROUTES = {"routes": {"a.example/": f"{B0}|app"}}


async def waiting(plane: Dataplane, count: int) -> None:
    """Until ``count`` requests are held."""
    end = time.monotonic() + 5
    while f"scur: {count}" not in await held(plane):
        assert time.monotonic() < end, await held(plane)
        await asyncio.sleep(0.02)


async def held(plane: Dataplane) -> str:
    header, *lines = (await plane.command("show stat hold 1 -1")).removeprefix("# ").splitlines()
    return f"scur: {lines[0].split(',')[header.split(',').index('scur')]}"


async def test_requests_wait_for_the_server_that_comes(apps: Apps) -> None:
    async with Dataplane(ROUTES, {B0: {"i1": line(closed_port())}}) as plane:
        began = time.monotonic()
        asked = [asyncio.create_task(plane.ask("a.example", f"/{n}")) for n in range(20)]
        posted = asyncio.create_task(plane.ask("a.example", "/p", "POST", data=b"x" * 100_000))
        await waiting(plane, 21)
        app = await apps("new")
        await plane.add_server(B0, "i2", line(app.port))
        answers = await asyncio.gather(*asked, posted)
        assert [(answer.status, answer.text) for answer in answers] == [(200, "new")] * 21
        assert time.monotonic() - began < 5
        assert sorted(request.path for request in app.requests) == sorted([*(f"/{n}" for n in range(20)), "/p"])
        assert app.requests[0].headers.getall("X-Forwarded-For") == ["127.0.0.1"]


async def test_waiting_ends_with_the_page_and_never_goes_round(apps: Apps) -> None:
    async with Dataplane(ROUTES, {B0: {}}) as plane:
        began = time.monotonic()
        answer = await plane.ask("a.example")
        assert (answer.status, answer.error) == (503, "app_unavailable")
        assert 11.5 < time.monotonic() - began < 13.5
        (word,) = await plane.logged()
        assert (word["server"], word["status"]) == ("_wait", "503")


async def test_server_that_is_up_and_refuses_cannot_make_a_request_go_round() -> None:
    """Without checks it is up again and again: rounds are bounded, and so is the time."""
    refusing = f"127.0.0.1:{closed_port()}"
    async with Dataplane(ROUTES, {B0: {"i1": refusing}}) as plane:
        began = time.monotonic()
        answer = await plane.ask("a.example")
        assert (answer.status, answer.error) == (503, "app_unavailable")
        assert time.monotonic() - began < 14


async def test_waiting_ends_when_the_client_goes_away() -> None:
    async with Dataplane(ROUTES, {B0: {}}) as plane:
        asked = asyncio.create_task(plane.ask("a.example"))
        await waiting(plane, 1)
        asked.cancel()
        await waiting(plane, 0)


async def test_websocket_outlives_the_wait(apps: Apps) -> None:
    async def echo(request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
        answer = aiohttp.web.WebSocketResponse()
        await answer.prepare(request)
        async for message in answer:
            await answer.send_str(message.data.upper())
        return answer

    app = await apps("ws")
    app._answer = echo  # type: ignore[method-assign]
    await app.stop()
    await app.start()
    async with Dataplane(ROUTES, {B0: {}}) as plane:
        opened = asyncio.create_task(
            plane.client.ws_connect(f"http://127.0.0.1:{plane.http}/", headers={"Host": "a.example"})
        )
        await waiting(plane, 1)
        await plane.add_server(B0, "i1", line(app.port))
        async with await opened as socket:
            await socket.send_str("hello")
            assert (await socket.receive()).data == "HELLO"


async def test_server_that_closes_without_an_answer_is_asked_again_for_get_alone(apps: Apps) -> None:
    app = await apps("good")
    async with Port() as bad:
        backends = {B0: {"i1": line(bad.port), "i2": line(app.port)}}
        async with Dataplane(ROUTES, backends) as plane:
            for _ in range(6):
                assert (await plane.ask("a.example")).text == "good"
            assert bad.connections >= 2
            before = bad.connections
            answers = [await plane.ask("a.example", "/", "POST", data=b"body") for _ in range(6)]
            assert sorted({answer.status for answer in answers}) == [200, 502]
            assert {answer.error for answer in answers if answer.status == 502} == {"bad_gateway"}
            assert bad.connections - before == sum(answer.status == 502 for answer in answers)


async def test_servers_that_all_died_at_once_fail_nobody(apps: Apps) -> None:
    dead = {f"i{n}": line(closed_port()) for n in range(3)}
    async with Dataplane(ROUTES, {B0: dead}) as plane:
        asked = asyncio.create_task(plane.ask("a.example", "/", "POST", data=b"once"))
        await waiting(plane, 1)
        app = await apps("new")
        await plane.add_server(B0, "i9", line(app.port))
        assert (await asked).text == "new"
        assert len(app.requests) == 1


async def test_server_that_refuses_is_out_before_its_next_check(apps: Apps) -> None:
    app = await apps("good")
    async with Dataplane(ROUTES, {B0: {"i1": line(closed_port()), "i2": line(app.port)}}) as plane:
        for _ in range(6):
            assert (await plane.ask("a.example")).status == 200
        assert (await status(plane, B0, "i1")).startswith("DOWN")


async def status(plane: Dataplane, backend: str, server: str) -> str:
    header, *lines = (await plane.command(f"show stat {backend} 4 -1")).removeprefix("# ").splitlines()
    line_ = next(each for each in lines if f",{server}," in each)
    return line_.split(",")[header.split(",").index("status")]
