"""Two thousand clients that send a byte a second: they are ended in time, and their neighbour does not notice."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from tests.services.router.features.client import careless, connect
from tests.services.router.features.origin import Start
from tests.services.router.hostile.watch import Neighbour, many_files
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLIENTS = 2000
REQUEST = 10.0  # seconds that a request's head may take
WORDS = "GET / HTTP/1.1\r\nHost: slow.example\r\n"


@pytest.fixture(scope="module", autouse=True)
def _files() -> None:
    many_files()


class Crowd:
    """Slow clients. ``ended``: seconds that each lasted until the router ended it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.ended: list[float] = []
        self.open = 0

    async def run(self, seconds: float) -> None:
        """Let all of them come within two seconds, and stay until they are ended."""
        await asyncio.gather(*(self._client(2 * number / CLIENTS, seconds) for number in range(CLIENTS)))

    async def _client(self, after: float, seconds: float) -> None:
        await asyncio.sleep(after)
        async with connect(self._port) as wire:
            begun = time.monotonic()
            self.open += 1
            wire.send(WORDS)
            end = asyncio.create_task(wire.ends(seconds))
            with contextlib.suppress(TimeoutError):
                while not end.done():
                    wire.send("X")
                    await asyncio.wait([end], timeout=1.0)
                await end
                self.ended.append(time.monotonic() - begun)


async def test_slow_heads_are_ended_in_time_and_a_neighbour_is_unharmed(
    router: Router, start: Start, neighbour: Neighbour
) -> None:
    await start("slow-web")
    await router.lay(http("slow.example", "slow-web"))
    crowd = Crowd(router.http)
    async with neighbour.unharmed():
        await crowd.run(seconds=60)
    assert crowd.open == CLIENTS
    assert len(crowd.ended) == CLIENTS
    assert min(crowd.ended) > REQUEST - 3
    assert max(crowd.ended) < REQUEST + 15


async def test_clients_that_only_begin_tls_hold_up_nobody(router: Router, neighbour: Neighbour) -> None:
    async with contextlib.AsyncExitStack() as stack, neighbour.unharmed():
        for number in range(600):
            wire = await stack.enter_async_context(connect(router.https))
            wire.send((b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00")[number % 3])
        await asyncio.sleep(1.0)


async def test_clients_that_do_not_read_hold_up_nobody(router: Router, start: Start, neighbour: Neighbour) -> None:
    await start("deaf-web")
    await router.lay(http("deaf.example", "deaf-web"))
    async with contextlib.AsyncExitStack() as stack, neighbour.unharmed():
        for number in range(100):
            tls = careless() if number % 2 else None
            port = router.https if tls else router.http
            wire = await stack.enter_async_context(connect(port, tls=tls, name="deaf.example"))
            wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # what streams have is a transport that can
            wire.send(f"GET /{'x' * 2000} HTTP/1.1\r\nHost: deaf.example\r\n\r\n" * 200)
        await asyncio.sleep(2.0)
