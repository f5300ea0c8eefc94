"""Bytes: ports that routes take, TLS passed through by its name, and the PROXY protocol in and out."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from pathlib import Path

import pytest

from tests.services.router.conftest import Apps
from tests.services.router.dataplane.authority import Authority
from tests.services.router.dataplane.rig import B0, TCP, Dataplane, line
from tests.support.ports import free_port, free_range

PROXY = b"\r\n\r\n\x00\r\nQUIT\n"


class Echo:
    """Sends back what comes, after its name and who it was told its client is."""

    def __init__(self, name: str, how: ssl.SSLContext | None = None, *, proxy: bool = False) -> None:
        self.port = free_port()
        self._name, self._how, self._proxy = name, how, proxy

    async def __aenter__(self) -> Echo:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._how)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._proxy:
                head = await reader.readexactly(16)
                body = await reader.readexactly(struct.unpack("!H", head[14:])[0])
                writer.write(socket.inet_ntoa(body[:4]).encode() + b" " if body else b"local ")
            writer.write(f"{self._name} ".encode())
            while data := await reader.read(65536):
                writer.write(data)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()


async def talk(port: int, data: bytes, how: ssl.SSLContext | None = None, name: str | None = None) -> bytes:
    """What comes back for ``data``; raises OSError or IncompleteReadError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=how, server_hostname=name)
    try:
        writer.write(data)
        async with asyncio.timeout(15):
            return await reader.readuntil(data[-4:])
    finally:
        writer.close()


def ports() -> tuple[int, int]:
    """Two neighbouring ports that are free."""
    first, second = free_range(2)
    return first, second


async def test_port_takes_a_route_and_loses_it() -> None:
    first, second = ports()
    async with (
        Echo("one") as one,
        Dataplane({}, {TCP: {"i1": line(one.port, tcp=True)}}, tcp_ports=(first, second)) as plane,
    ):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await talk(first, b"ping")
        await plane.command(f"add map {plane.folder}/tcp.map {first} {TCP}|db")
        assert await talk(first, b"ping") == b"one ping"
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await talk(second, b"ping")
        word = (await plane.logged())[-1]
        assert (word["kind"], word["app"], word["backend"], word["server"]) == ("tcp", "db", TCP, "i1")
        assert (word["port"], word["client"], word["received"], word["sent"]) == (str(first), "127.0.0.1", "4", "8")
        await plane.command(f"set map {plane.folder}/tcp.map {first} -|db")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await talk(first, b"ping")


async def test_connection_waits_for_a_server() -> None:
    first, second = ports()
    async with Echo("late") as late:
        maps = {"tcp": {str(first): f"{TCP}|db"}}
        async with Dataplane(maps, {TCP: {}}, tcp_ports=(first, second)) as plane:
            asked = asyncio.create_task(talk(first, b"ping"))
            await asyncio.sleep(1)
            await plane.add_server(TCP, "i1", line(late.port, tcp=True))
            assert await asked == b"late ping"


async def test_who_the_client_is_by_the_proxy_protocol_in_and_out(apps: Apps) -> None:
    first, second = ports()
    app = await apps("app")
    async with Echo("db", proxy=True) as echo:
        maps = {"tcp": {str(first): f"{TCP}|db"}, "routes": {"a.example/": f"{B0}|app"}}
        backends = {TCP: {"i1": line(echo.port, tcp=True, proxy=True)}, B0: {"i1": line(app.port)}}
        async with Dataplane(maps, backends, tcp_ports=(first, second), proxies=("127.0.0.0/8",)) as plane:
            told = PROXY + b"\x21\x11" + struct.pack("!H4s4sHH", 12, b"\x0a\x01\x02\x03", b"\x7f\0\0\1", 4242, 443)
            assert await talk(first, told + b"ping") == b"10.1.2.3 db ping"
            answer = await plane.raw(told + b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            assert app.requests[-1].headers["X-Forwarded-For"] == "10.1.2.3"
            assert await plane.raw(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n") == b""


async def test_nobody_is_believed_who_is_not_named(apps: Apps) -> None:
    app = await apps("app")
    maps = {"routes": {"a.example/": f"{B0}|app"}}
    async with Dataplane(maps, {B0: {"i1": line(app.port)}}, proxies=("10.0.0.0/8",)) as plane:
        answer = await plane.raw(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert b" 400 " in answer
        assert (await plane.ask("a.example")).text == "app"
        assert app.requests[-1].headers["X-Forwarded-For"] == "127.0.0.1"


async def test_tls_is_passed_through_by_its_name(apps: Apps, tmp_path: Path) -> None:
    authority = Authority("Test CA")
    app = await apps("app")
    authority.issue(tmp_path / "server.pem", "pass.example")
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(tmp_path / "server.pem")
    client = ssl.create_default_context(cadata=authority.pem)
    client.check_hostname = False
    async with Echo("own", serving) as own:
        maps = {
            "sni": {"pass.example": f"{TCP}|db", "*.wild.example": f"{TCP}|db", "off.example": "-|db"},
            "routes": {"a.example/": f"{B0}|app", "x.wild.example/": f"{B0}|app"},
        }
        backends = {TCP: {"i1": line(own.port, tcp=True)}, B0: {"i1": line(app.port)}}
        async with Dataplane(maps, backends, passthrough=True) as plane:
            for name in ("pass.example", "PASS.example", "a.wild.example", "a.b.wild.example"):
                assert await talk(plane.https, b"ping", client, name) == b"own ping"
            with pytest.raises((ConnectionError, ssl.SSLError)):
                await talk(plane.https, b"ping", client, "off.example")
            for host in ("a.example", "x.wild.example"):  # a route of HTTP for just this host goes before a wildcard
                assert (await plane.ask(host, tls=True)).text == "app"
            assert app.requests[-1].headers["X-Forwarded-For"] == "127.0.0.1"
            assert app.requests[-1].headers["X-Forwarded-Proto"] == "https"
            assert app.requests[-1].headers["X-Forwarded-Port"] == str(plane.https)
            lines = await plane.logged(6)
            assert [each["host"] for each in lines if each["kind"] == "tcp" and each["app"] == "db"].count(
                "pass.example"
            ) == 2
            assert len([each for each in lines if each["kind"] == "http"]) == 2
            await plane.command(f"add map {plane.folder}/sni.map * {TCP}|db")
            assert await talk(plane.https, b"ping", client, "whatever.test") == b"own ping"
