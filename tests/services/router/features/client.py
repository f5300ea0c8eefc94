"""A client that sends exactly the bytes it is told, and reads HTTP/1 answers (RFC 9112) one by one."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

WAIT = 20.0  # seconds that an answer may take before a test fails


@dataclass(frozen=True)
class Reply:
    """An answer; header names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    trailers: list[tuple[str, str]]

    def header(self, name: str) -> str:
        """The header's values, joined by commas; empty when it is not there."""
        return ", ".join(value for key, value in self.headers if key == name)


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes | str) -> None:
        """Send bytes as they are."""
        self.writer.write(data.encode("latin-1") if isinstance(data, str) else data)

    async def ask(self, data: bytes | str, method: str = "GET") -> Reply:
        """Send, and read one answer."""
        self.send(data)
        return await self.reply(method)

    async def reply(self, method: str = "GET") -> Reply:
        """The next answer; raises EOFError (IncompleteReadError) when the connection ends before it."""
        async with asyncio.timeout(WAIT):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status, headers = int(head[0].split(" ")[1]), _headers(head[1:])
            if method == "HEAD" or status in (204, 304) or 100 <= status < 200:
                return Reply(status, headers, b"", [])
            body, trailers = await self._body(dict(headers))
            return Reply(status, headers, body, trailers)

    async def _body(self, headers: dict[str, str]) -> tuple[bytes, list[tuple[str, str]]]:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await self._chunks()
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"])), []
        return await self.reader.read(), []

    async def _chunks(self) -> tuple[bytes, list[tuple[str, str]]]:
        body = b""
        while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        lines = []
        while line := (await self.reader.readuntil(b"\r\n"))[:-2]:
            lines.append(line.decode("latin-1"))
        return body, _headers(lines)

    async def ends(self, within: float = WAIT) -> bytes:
        """What still comes until the other side closes; fails when it does not."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(within):
                return await self.reader.read()
        return b""


def _headers(lines: list[str]) -> list[tuple[str, str]]:
    pairs = (line.partition(":") for line in lines if line)
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]


@contextlib.asynccontextmanager
async def connect(
    port: int, *, tls: ssl.SSLContext | None = None, name: str = "", source: str = "127.0.0.1"
) -> AsyncIterator[Wire]:
    """A connection to a port of this machine, by TLS with SNI ``name`` if ``tls`` is given."""
    sni = {"server_hostname": name} if tls else {}
    async with asyncio.timeout(WAIT):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, local_addr=(source, 0), limit=1 << 22, **sni
        )
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def get(host: str, path: str = "/", *headers: str, method: str = "GET") -> str:
    """The bytes of a request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""])


def trusting(ca: str, *, alpn: tuple[str, ...] = ("http/1.1",), pair: tuple[str, str] | None = None) -> ssl.SSLContext:
    """A context that trusts the authority at path ``ca``; ``pair``: paths of the client's own certificate and key."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(list(alpn))
    if pair:
        context.load_cert_chain(*pair)
    return context


def careless(alpn: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
    """A context that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(alpn))
    return context
