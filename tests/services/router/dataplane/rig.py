"""A data plane to try: HAProxy as it is laid, without the daemon; its runtime socket is ours."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy

from grille.router import access_format
from grille.router.pool import server_options
from grille.router.render import Options, lay
from grille.router.saved import Saved, Structure
from tests.support.ports import free_port

POOLS = {"http": 4, "zip": 1, "t300": 1}
B0, B1, B2, B3 = (f"http-0000{number}" for number in range(4))
ZIP, TCP = "zip-00000", "t300-00000"


@dataclass(frozen=True)
class Answer:
    """An answer to a request, with its body read."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def error(self) -> str:
        """The machine code, when HAProxy answered by itself."""
        return self.headers.get("X-Grille-Error", "")


def line(port: int, *, tcp: bool = False, h2c: bool = False, proxy: bool = False, concurrency: int = 0) -> str:
    """What follows the name of a server on ``port``."""
    options = server_options(h2c=h2c, proxy=proxy, concurrency=concurrency, tcp=tcp, weight=1)
    return f"127.0.0.1:{port} {options}"


class Dataplane:
    """HAProxy with what was ``saved``."""

    def __init__(
        self,
        maps: dict[str, dict[str, str]] | None = None,
        backends: dict[str, dict[str, str]] | None = None,
        certificates: list[str] | None = None,
        *,
        passthrough: bool = False,
        pools: dict[str, int] | None = None,
        tcp_ports: tuple[int, int] | None = None,
        proxies: tuple[str, ...] = (),
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="gd-", dir="/tmp")
        self.folder = Path(self._folder.name)
        self.http, self.https = free_port(), free_port()
        self.options = Options(self.folder, ("127.0.0.1",), self.http, self.https, tcp_ports=tcp_ports, proxies=proxies)
        self.saved = Saved(Structure(pools or POOLS, passthrough), maps or {}, backends or {}, certificates or [])
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0  # seconds until it served
        self.client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True, ssl=_trusting()),
            timeout=aiohttp.ClientTimeout(total=30),
        )

    async def __aenter__(self) -> Dataplane:
        path = lay(self.options, self.saved)
        own = self.folder / "own.cfg"
        own.write_text(f"global\n    stats socket {self.folder}/haproxy.sock level admin\n")
        began = time.monotonic()
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(["haproxy", "-db", "-f", str(path), "-f", str(own)], stderr=log)
        while not (self.folder / "haproxy.sock").exists() or not await self._serves():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            await asyncio.sleep(0.01)
        self.started = time.monotonic() - began
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.client.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self._folder.cleanup()

    async def _serves(self) -> bool:
        try:
            return "Pid" in await self.command("show info")
        except OSError:
            return False

    async def command(self, text: str) -> str:
        """HAProxy's answer on its runtime socket."""
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "haproxy.sock"))
        try:
            writer.write(text.encode() + b"\n")
            return (await reader.read()).decode().strip()
        finally:
            writer.close()

    async def add_server(self, backend: str, ident: str, rest: str) -> None:
        """Let a server come, as the daemon does."""
        name = f"{backend}/{ident}"
        assert "New server registered" in await self.command(f"add server {name} {rest}")
        await self.command(f"enable health {name}")
        await self.command(f"enable server {name}")

    async def ask(
        self,
        host: str,
        path: str = "/",
        method: str = "GET",
        *,
        tls: bool = False,
        data: object = None,
        **headers: str,
    ) -> Answer:
        """An answer to a request of HTTP/1.1; ``_`` in the names of headers stands for ``-``."""
        url = f"https://127.0.0.1:{self.https}{path}" if tls else f"http://127.0.0.1:{self.http}{path}"
        all_headers = CIMultiDict({"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}})
        async with self.client.request(
            method, url, headers=all_headers, data=data, allow_redirects=False, server_hostname=host if tls else None
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def raw(self, data: bytes) -> bytes:
        """What comes back for ``data`` until HAProxy closes the connection or is silent for a moment."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.http)
        writer.write(data)
        found = b""
        try:
            async with asyncio.timeout(2):
                while part := await reader.read(65536):
                    found += part
                    if b"\r\n\r\n" in found and not found.startswith(b"HTTP/1.1 1"):
                        break
        except (TimeoutError, ConnectionError):
            pass
        writer.close()
        return found

    async def logged(self, count: int = 1) -> list[dict[str, str]]:
        """The lines of the access log once there are ``count`` of them."""
        end = time.monotonic() + 5
        while True:
            lines = (await self.command("show events access")).splitlines()
            if len(lines) >= count:
                found = [access_format.split(each) for each in lines]
                assert None not in found, lines
                return [each for each in found if each is not None]
            assert time.monotonic() < end, f"{len(lines)} of {count} lines: {lines}"
            await asyncio.sleep(0.02)

    def memory(self) -> int:
        """Its resident memory, bytes."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(next(each.split()[1] for each in status.splitlines() if each.startswith("VmRSS")))


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Port:
    """A port that behaves badly: takes connections and closes them after what came, or never answers."""

    def __init__(self, *, answers: bytes = b"", close: bool = True) -> None:
        self.port = free_port()
        self.connections = 0
        self.heard = b""
        self._answers, self._close = answers, close
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Port:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            data = await reader.read(65536)
            if data:
                self.connections += 1
                self.heard += data
                writer.write(self._answers)
                await writer.drain()
                if not self._close:
                    await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
