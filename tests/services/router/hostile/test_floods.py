"""More headers than anybody needs, over HTTP/1.1 and HTTP/2: refused at once, at little cost, and to nobody's harm."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.services.router.features.client import connect, get
from tests.services.router.features.origin import Origin, Start
from tests.services.router.hostile.h2raw import CONTINUATION, END_HEADERS, END_STREAM, HEADERS, Raw2, connect2, pairs
from tests.services.router.hostile.watch import Neighbour
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")
ENTRIES = 100_000


async def targets(router: Router, start: Start, word: str) -> Origin:
    """Who is flooded."""
    origin = await start(f"{word}-web")
    await router.lay(http(f"{word}.example", f"{word}-web"))
    return origin


@pytest.mark.parametrize("line", ["X-{}: y\r\n", "X: {}\r\n", "Cookie: a{}=b\r\n", "Host: flood1.example\r\n"])
async def test_a_hundred_thousand_headers_are_refused(
    router: Router, start: Start, neighbour: Neighbour, line: str
) -> None:
    origin = await targets(router, start, "flood1")
    flood = "".join(line.format(number) for number in range(ENTRIES))

    async def client() -> None:
        async with connect(router.http) as wire:
            with contextlib.suppress(ConnectionError):
                wire.send(f"GET / HTTP/1.1\r\nHost: flood1.example\r\n{flood}\r\n")
                await wire.writer.drain()
                answer = await wire.ends()
                assert answer == b"" or answer[9:12] in (b"400", b"431")

    async with neighbour.unharmed():
        await asyncio.gather(*(client() for _ in range(40)))
    assert origin.requests == []


async def test_a_head_that_just_fits_passes_and_one_that_does_not_is_told_so(router: Router, start: Start) -> None:
    origin = await targets(router, start, "edge")
    async with connect(router.http) as wire:
        assert (await wire.ask(get("edge.example", "/", f"X-Large: {'x' * 7000}"))).status == 200
    async with connect(router.http) as wire:
        assert (await wire.ask(get("edge.example", "/", f"X-Large: {'x' * 200_000}"))).status in (400, 431)
    assert len(origin.requests) == 1


async def h2_client(router: Router, word: str) -> bool:
    """One HTTP/2 client that sends as many headers as its library lets it; whether it was turned away."""
    async with connect2(router.https, f"{word}.example") as wire:
        flood = tuple((f"x-{number}".encode(), b"y") for number in range(ENTRIES // 10))
        stream = wire.request(pairs(f"{word}.example", "/", *flood))
        status = await wire.settle(stream)
        return status in (0, 400, 431)


async def test_headers_by_the_thousand_over_http2_are_refused(
    router: Router, start: Start, neighbour: Neighbour
) -> None:
    origin = await targets(router, start, "flood2")
    async with neighbour.unharmed():
        assert all(await asyncio.gather(*(h2_client(router, "flood2") for _ in range(4))))
    assert origin.requests == []


async def test_a_hundred_thousand_continuations_end_the_connection(
    router: Router, start: Start, neighbour: Neighbour
) -> None:
    """Frames without an end (CONTINUATION flood): ended long before all were read."""
    origin = await targets(router, start, "flood3")

    async def client() -> None:
        async with connect2(router.https, "flood3.example") as wire:
            head = wire.state.encoder.encode(pairs("flood3.example"))
            wire.frame(HEADERS, END_STREAM, 1, head)
            with contextlib.suppress(ConnectionError):
                for number in range(ENTRIES // 100):
                    for _ in range(100):
                        wire.frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y")
                    await wire.writer.drain()
                    if number % 50 == 0 and await wire.ends(within=0.001):
                        break
            assert await wire.ends(within=30)

    async with neighbour.unharmed():
        await asyncio.gather(*(client() for _ in range(4)))
    assert origin.requests == []


def bomb(wire: Raw2, word: str) -> bytes:
    """A few kilobytes that stand for megabytes: one large header in the table, named again and again (HPACK bomb)."""
    large = wire.state.encoder.encode([*pairs(f"{word}.example"), (b"x-bomb", b"z" * 3900)])
    return large + b"\xbe" * 8000  # 62: the newest entry of the dynamic table


async def test_a_bomb_of_table_entries_is_not_blown_up(router: Router, start: Start, neighbour: Neighbour) -> None:
    origin = await targets(router, start, "bomb")

    async def client() -> None:
        async with connect2(router.https, "bomb.example") as wire:
            wire.frame(HEADERS, END_STREAM | END_HEADERS, 1, bomb(wire, "bomb"))
            assert await wire.settle(1) in (0, 400, 431)

    async with neighbour.unharmed():
        await asyncio.gather(*(client() for _ in range(40)))
    assert origin.requests == []


async def test_streams_opened_and_reset_at_once_hold_up_nobody(
    router: Router, start: Start, neighbour: Neighbour
) -> None:
    """Rapid reset: thousands of requests that are taken back as soon as they are sent."""
    await targets(router, start, "reset")

    async def client() -> None:
        async with connect2(router.https, "reset.example") as wire:
            with contextlib.suppress(ConnectionError):
                for number in range(2000):
                    stream = 2 * number + 1
                    head = wire.state.encoder.encode(pairs("reset.example"))
                    wire.frame(HEADERS, END_STREAM | END_HEADERS, stream, head)
                    wire.frame(3, 0, stream, b"\x00\x00\x00\x08")
                    if number % 100 == 0:
                        await wire.writer.drain()
                        await asyncio.sleep(0)
                await wire.writer.drain()

    async with neighbour.unharmed():
        await asyncio.gather(*(client() for _ in range(3)))
        await asyncio.sleep(1.0)
