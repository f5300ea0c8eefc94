"""One client's connection, taken over from aiohttp's writer: bytes straight to its transport, its end seen at once."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from aiohttp import HttpVersion11, web

PATIENCE = 30.0  # seconds without any progress after which a client is cut
STREAM = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
SEND_BUFFER = 128 * 1024  # bytes that the kernel may hold for one client (it doubles this)
OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(PATIENCE * 1000)),
)


class Connection(asyncio.Protocol):
    """Stands between the transport and aiohttp's protocol, and passes everything on.

    Use as a context manager: aiohttp has its transport back at the end. ``closed`` is done when the client is gone.
    """

    def __init__(self, request: web.Request) -> None:
        if request.transport is None:
            raise ConnectionResetError("the client is gone")
        self._transport = request.transport
        self._inner = cast(asyncio.Protocol, self._transport.get_protocol())
        self._request, self.chunked = request, request.version >= HttpVersion11
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> Connection:
        self._transport.set_protocol(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self._transport.set_protocol(self._inner)

    async def open(self) -> web.StreamResponse:
        """Send the head of an event stream."""
        sock = self._transport.get_extra_info("socket")
        for level, option, value in OPTIONS if sock is not None else ():
            sock.setsockopt(level, option, value)
        response = web.StreamResponse(headers=STREAM)
        response.force_close()
        await response.prepare(self._request)
        await response.write(b": grille\n\n")
        return response

    @property
    def buffered(self) -> int:
        """Bytes that the client has not taken, beside those in the kernel."""
        return self._transport.get_write_buffer_size()

    def framed(self, data: bytes) -> bytes:
        """``data`` as this connection's version of HTTP wants it."""
        return chunk(data) if self.chunked else data

    def write(self, framed: bytes) -> int:
        """Send; the bytes that now wait here because the client does not take them."""
        self._transport.write(framed)
        return self._transport.get_write_buffer_size()

    async def send(self, data: bytes) -> bool:
        """Send and wait until the client has taken most; False, and cut, when it is gone or takes nothing."""
        self.write(self.framed(data))
        while not self._flowing.is_set() and not self.closed.done():
            before = self.buffered
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._flowing.wait()
            except TimeoutError:
                if self.buffered >= before:
                    self.cut()
        return not self.closed.done()

    def cut(self) -> None:
        """End the connection at once, whatever waits to be sent."""
        self._transport.abort()
        self.end()

    def end(self) -> None:
        """Have those who use the connection end."""
        if not self.closed.done():
            self.closed.set_result(None)
        self._flowing.set()

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Note that the client does not take what it was sent."""
        self._flowing.clear()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Note that it takes it again."""
        self._flowing.set()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self.end()
        self._inner.connection_lost(exc)


def chunk(data: bytes) -> bytes:
    """``data`` as one chunk (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
