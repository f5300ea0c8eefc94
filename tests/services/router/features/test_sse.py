"""Server-sent events: each arrives when it is sent; silence ends a stream only after the route's idle timeout."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web

from tests.services.router.features.client import connect, get
from tests.services.router.features.origin import Answer, Start
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")


def stream(pauses: list[float]) -> Answer:
    """An app that sends an event, then one more after each pause."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        await reply.write(b"data: 0\n\n")
        for number, pause in enumerate(pauses, 1):
            await asyncio.sleep(pause)
            await reply.write(f"data: {number}\n\n".encode())
        return reply

    return answer


async def events(router: Router, host: str) -> list[tuple[float, bytes]]:
    """Seconds since the request, and the data, of each event until the stream ends."""
    begun, found = time.monotonic(), []
    async with connect(router.http) as wire:
        wire.send(get(host, "/", "Accept: text/event-stream", "Accept-Encoding: gzip"))
        while True:
            try:
                async with asyncio.timeout(30):
                    line = await wire.reader.readuntil(b"\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return found
            if line.startswith(b"data: "):
                found.append((time.monotonic() - begun, line[6:].strip()))
            elif line == b"0\r\n":
                return found


@pytest.mark.parametrize("compress", [False, True])
async def test_events_arrive_when_they_are_sent(router: Router, start: Start, compress: bool) -> None:
    name = f"events-{compress}".lower()
    await start(f"{name}-web", "one", stream([0.5] * 4))
    await router.lay(http(f"{name}.example", f"{name}-web", compress=compress))
    found = await events(router, f"{name}.example")
    assert [data for _, data in found] == [b"0", b"1", b"2", b"3", b"4"]
    assert found[-1][0] - found[0][0] > 1.5
    assert found[0][0] < found[-1][0] - 1.5


async def test_silence_shorter_than_the_idle_timeout_ends_nothing(router: Router, start: Start) -> None:
    await start("calm-web", "one", stream([0.8, 0.8, 0.8]))
    await router.lay(http("calm.example", "calm-web", timeout=0.5, idle_timeout=4.0))
    assert len(await events(router, "calm.example")) == 4


async def test_longer_silence_ends_the_stream(router: Router, start: Start) -> None:
    await start("mute-web", "one", stream([0.1, 60.0]))
    await router.lay(http("mute.example", "mute-web", idle_timeout=1.5))
    begun = time.monotonic()
    assert len(await events(router, "mute.example")) == 2
    assert 1.4 < time.monotonic() - begun < 15
