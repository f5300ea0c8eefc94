"""Websockets: a real client and server, conformance cases told apart by nobody on the way, and long lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from tests.services.router.features import client
from tests.services.router.features.frames import CASES, KEY, Case, shake, transcript
from tests.services.router.features.origin import Start
from tests.services.router.records import http, instance
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOST = "sockets.example"


async def echo(socket: ServerConnection) -> None:
    """Say back each message; the message ``close <code>`` closes."""
    async for message in socket:
        if isinstance(message, str) and message.startswith("close "):
            await socket.close(int(message[6:]), "asked to")
        else:
            await socket.send(message)


def newest(socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The app's choice among subprotocols."""
    return max(offered, default=None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(router: Router) -> AsyncIterator[int]:
    """Where the app listens, without the router."""
    async with serve(echo, "127.0.0.1", 0, select_subprotocol=newest, max_size=4 << 20) as server:
        found = next(iter(server.sockets)).getsockname()[1]
        await router.lay(instance("sockets-web", "one", found), http(HOST, "sockets-web"))
        yield found


def opened(router: Router, *, tls: bool = False, **options: object) -> connect:
    """A connection through the router."""
    way = {"host": "127.0.0.1", "port": router.https if tls else router.http, "ssl": client.careless() if tls else None}
    return connect(f"{'wss' if tls else 'ws'}://{HOST}/", max_size=4 << 20, **way, **options)


@pytest.mark.parametrize("tls", [False, True])
async def test_messages_pings_and_large_frames(router: Router, port: int, tls: bool) -> None:
    async with opened(router, tls=tls) as socket:
        for message in ("text", b"bytes", "κόσμε" * 1000, bytes(1 << 20)):
            await socket.send(message)
            assert await socket.recv() == message
        await socket.send(["a", "b", "c"])  # three fragments
        assert await socket.recv() == "abc"
        async with asyncio.timeout(10):
            assert await (await socket.ping(b"are you there")) >= 0


async def test_subprotocols_are_the_apps_choice(router: Router, port: int) -> None:
    async with opened(router, subprotocols=["chat.v1", "chat.v2"]) as socket:
        assert socket.subprotocol == "chat.v2"


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
async def test_the_apps_close_codes_arrive(router: Router, port: int, code: int) -> None:
    async with opened(router) as socket:
        await socket.send(f"close {code}")
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (code, "asked to")


async def test_conformance_cases_end_as_they_do_without_the_router(router: Router, port: int) -> None:
    async def run(where: int, case: Case) -> list[tuple[int, bool, bytes]]:
        async with client.connect(where) as wire:
            await shake(wire, HOST)
            return await transcript(wire, case)

    different = []
    for case in CASES:
        direct, through = await run(port, case), await run(router.http, case)
        assert direct, case.name
        if direct != through:
            different.append((case.name, [each[0] for each in direct], [each[0] for each in through]))
    assert different == []


async def test_sockets_outlive_changes_and_silence_between_messages(router: Router, port: int, start: Start) -> None:
    await router.lay(http("quick.example", "sockets-web", timeout=0.5, idle_timeout=5.0))
    async with opened(router) as one, connect("ws://quick.example/", host="127.0.0.1", port=router.http) as two:
        for number in range(20):
            await start(f"other-{number}-web")
            await router.lay(http(f"other-{number}.example", f"other-{number}-web"))
            await router.lay(http(HOST, "sockets-web", "/other", created=float(number)))
            await _says(one, str(number))
        await asyncio.sleep(1.5)
        await _says(one, "still here")
        await _says(two, "so am I")
        await router.remove(http(HOST, "sockets-web", "/other"))
        await _says(one, "and now")


async def _says(socket: ClientConnection, message: str) -> None:
    await socket.send(message)
    assert await socket.recv() == message


async def test_an_app_that_dies_ends_its_sockets_abnormally(router: Router) -> None:
    async def die(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.abort()

    async with serve(die, "127.0.0.1", 0) as server:
        found = next(iter(server.sockets)).getsockname()[1]
        await router.lay(instance("dying-web", "one", found), http("dying.example", "dying-web"))
        async with connect("ws://dying.example/", host="127.0.0.1", port=router.http) as socket:
            await socket.send("go")
            with pytest.raises(ConnectionClosedError):
                await socket.recv()


async def test_a_refused_handshake_is_the_apps_answer(router: Router, port: int) -> None:
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 12")
    async with client.connect(router.http) as wire:
        reply = await wire.ask(client.get(HOST, "/", *upgrade))
        assert reply.status == 400
        assert b"Sec-WebSocket-Version" in reply.body
