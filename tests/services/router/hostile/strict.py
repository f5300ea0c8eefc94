"""An app that keeps each byte it gets: what a careless server might take for a request would be found in it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from tests.services.router.features.origin import Raw

HEAD = re.compile(rb"([!-~]+) ([!-~]+) HTTP/1\.[01]\r\n((?:[^\r\n]+\r\n)*)\r\n", re.ASCII)
LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[^\r\n]*", re.ASCII)


@dataclass(frozen=True)
class Request:
    """A request as its bytes came."""

    target: str
    lines: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """The values of a header, by its lower-case name."""
        return [value for key, value in self.lines if key == name]


class Strict:
    """Answers each request with its target. ``wrong``: bytes that are no request as RFC 9112 wants it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.wrong: list[bytes] = []
        self.server = Raw(self._serve)

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [request.target for request in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                if getattr(error, "partial", b"too much"):
                    self.wrong.append(getattr(error, "partial", b"too much"))
                return
            request = await self._read(head, reader)
            if request is None:
                self.wrong.append(head)
                return
            self.requests.append(request)
            body = request.target.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()

    async def _read(self, head: bytes, reader: asyncio.StreamReader) -> Request | None:
        found = HEAD.fullmatch(head)
        if found is None:
            return None
        raw = found[3].split(b"\r\n")[:-1]
        if not all(LINE.fullmatch(line) for line in raw):
            return None
        pairs = [line.decode("latin-1").partition(":") for line in raw]
        lines = [(name.lower(), value.strip()) for name, _, value in pairs]
        if framing_wrong(lines):
            return None
        return Request(found[2].decode(), lines, await _body(lines, reader))


def framing_wrong(lines: list[tuple[str, str]]) -> bool:
    """Whether two readers could see different ends of the message, or different hosts."""
    folded = [(re.sub(r"[^a-z_]", "", name), value.lower()) for name, value in lines]
    lengths = [value for name, value in folded if name == "contentlength"]
    codings = [value for name, value in folded if name == "transferencoding"]
    hosts = [value for name, value in folded if name == "host"]
    if len(lengths) + len(codings) > 1 or len(hosts) != 1:
        return True
    return not all(re.fullmatch(r"[0-9]+", value) for value in lengths) or any(value != "chunked" for value in codings)


async def _body(lines: list[tuple[str, str]], reader: asyncio.StreamReader) -> bytes:
    table, body = dict(lines), b""
    if "transfer-encoding" not in table:
        return await reader.readexactly(int(table.get("content-length", 0)))
    while size := int((await reader.readuntil(b"\r\n"))[:-2].split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return body
