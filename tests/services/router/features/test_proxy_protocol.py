"""The PROXY protocol, both versions, in from those who may, and out to apps that want it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest

from tests.services.router.features.client import careless, connect, get
from tests.services.router.features.origin import Raw, Start, told
from tests.services.router.records import http, instance, tcp
from tests.services.router.rig import Router
from tests.services.router.shared import TRUSTED

pytestmark = pytest.mark.asyncio(loop_scope="module")
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
CLIENT, PORT = "198.51.100.7", 4711
V1 = f"PROXY TCP4 {CLIENT} 203.0.113.1 {PORT} 443\r\n".encode()
V2_BODY = socket.inet_aton(CLIENT) + socket.inet_aton("203.0.113.1") + struct.pack("!HH", PORT, 443)
V2 = SIGNATURE + b"\x21\x11" + struct.pack("!H", len(V2_BODY)) + V2_BODY
SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::7")
V2_SIX = SIGNATURE + b"\x21\x21" + struct.pack("!H", 36) + SIX * 2 + bytes(4)


@pytest.mark.parametrize(
    ("header", "client"), [(V1, CLIENT), (V2, CLIENT), (V2_SIX, "2001:db8::7")], ids=["v1", "v2", "v2-ipv6"]
)
async def test_a_trusted_source_tells_who_the_client_is(
    router: Router, start: Start, header: bytes, client: str
) -> None:
    await start("in-web")
    await router.lay(http("in.example", "in-web"))
    async with connect(router.http, source=TRUSTED) as wire:
        wire.send(header)
        for _ in range(2):
            assert told((await wire.ask(get("in.example"))).body)["headers"]["x-forwarded-for"] == client


async def test_a_trusted_source_may_speak_of_tls_connections_too(router: Router, start: Start) -> None:
    await start("tls-in-web")
    await router.lay(http("tls-in.example", "tls-in-web"))
    loop = asyncio.get_running_loop()
    plain = socket.socket()
    plain.bind((TRUSTED, 0))
    plain.connect(("127.0.0.1", router.https))
    plain.sendall(V2)
    plain.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=plain, ssl=careless(), server_hostname="tls-in.example")
    writer.write(get("tls-in.example", "/", "Connection: close").encode())
    async with asyncio.timeout(20):
        answer = await reader.read()
    assert f'["x-forwarded-for", "{CLIENT}"]'.encode() in answer
    writer.close()
    assert loop.is_running()


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
async def test_from_anybody_else_it_is_a_bad_request(router: Router, start: Start, header: bytes) -> None:
    origin = await start("forged-web")
    await router.lay(http("forged.example", "forged-web"))
    async with connect(router.http) as wire:
        wire.send(header + get("forged.example").encode())
        answer = await wire.ends()
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""
    assert origin.requests == []


@pytest.mark.parametrize("header", [b"PROXY TCP4 not really\r\n", SIGNATURE + b"\xff\xff\xff\xff", b""], ids=repr)
async def test_nonsense_from_a_trusted_source_reaches_nobody(router: Router, start: Start, header: bytes) -> None:
    origin = await start("nonsense-web")
    await router.lay(http("nonsense.example", "nonsense-web"))
    with contextlib.suppress(ConnectionError):
        async with connect(router.http, source=TRUSTED) as wire:
            wire.send(header + get("nonsense.example").encode())
            assert not (await wire.ends()).startswith(b"HTTP/1.1 200")
    assert origin.requests == []


async def read_v2(reader: asyncio.StreamReader) -> tuple[str, int]:
    """The client that a PROXY header of version 2 names."""
    head = await reader.readexactly(16)
    assert head[:14] == SIGNATURE + b"\x21\x11", head
    body = await reader.readexactly(struct.unpack("!H", head[14:])[0])
    return socket.inet_ntoa(body[:4]), struct.unpack("!H", body[8:10])[0]


async def test_an_app_that_wants_it_is_told_of_each_client(router: Router, start: Start) -> None:
    clients: list[tuple[str, int]] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append(await read_v2(reader))
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    await start("without-web")
    async with Raw(script) as app:
        await router.lay(
            instance("out-web", "one", app.port),
            http("out.example", "out-web", proxy_protocol=True),
            http("without.example", "without-web"),
        )
        named = []
        for number in range(3, 6):
            async with connect(router.http, source=f"127.0.0.{number}") as wire:
                assert (await wire.ask(get("out.example"))).status == 200
                named.append(wire.writer.get_extra_info("sockname"))
        async with connect(router.http) as wire:
            assert (await wire.ask(get("without.example"))).status == 200
    assert clients == named


async def test_connections_of_a_tcp_route_carry_it_too(router: Router) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, port = await read_v2(reader)
        writer.write(f"{address} {port} ".encode() + await reader.readuntil(b"\n"))

    async with Raw(script) as app:
        port = router.tcp[0]
        await router.lay(instance("told-db", "one", app.port), tcp(port, "told-db", proxy_protocol=True))
        async with connect(port, source="127.0.0.9") as wire:
            wire.send("hello\n")
            own = wire.writer.get_extra_info("sockname")[1]
            assert await wire.ends() == f"127.0.0.9 {own} hello\n".encode()
