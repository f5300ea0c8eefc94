"""An HTTP/2 connection (RFC 9113) that sends what no client should: unchecked headers, and frames made by hand."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from tests.services.router.features.client import careless

HEADERS, CONTINUATION = 1, 9
END_STREAM, END_HEADERS = 1, 4
Pairs = Iterable[tuple[bytes, bytes]]


class Raw2:
    """One connection. ``statuses`` and ``bodies`` by stream; ``reset``: streams that the other side gave up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        config = h2.config.H2Configuration(
            header_encoding="latin-1",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.state = h2.connection.H2Connection(config)
        self.reader, self.writer = reader, writer
        self.statuses: dict[int, int] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.reset: set[int] = set()
        self.gone = False
        self.state.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what is due."""
        self.writer.write(self.state.data_to_send())

    def request(self, pairs: Pairs, body: bytes = b"") -> int:
        """Send a request as it is given; its stream."""
        stream = self.state.get_next_available_stream_id()
        self.state.send_headers(stream, list(pairs), end_stream=not body)
        if body:
            self.state.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    def frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Send a frame's bytes."""
        head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
        self.writer.write(head + payload)

    async def settle(self, stream: int, within: float = 20.0) -> int:
        """The status of a stream when it has ended; 0 when it or the connection was given up, or nothing came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not (self.gone or stream in self.ended or stream in self.reset):
                    await self._more()
        return 0 if stream in self.reset else self.statuses.get(stream, 0)

    async def ends(self, within: float) -> bool:
        """Whether the other side closes the connection in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self.gone:
                    await self._more()
        return self.gone

    async def _more(self) -> None:
        try:
            data = await self.reader.read(65536)
            events = self.state.receive_data(data) if data else []
        except (OSError, h2.exceptions.ProtocolError):
            data, events = b"", []
        self.gone = self.gone or not data
        for event in events:
            self._event(event)
        with contextlib.suppress(OSError):
            self.flush()

    def _event(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                self.statuses[event.stream_id] = int(dict(event.headers)[":status"])
            case h2.events.DataReceived():
                self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.ended.add(event.stream_id)
            case h2.events.StreamReset():
                self.reset.add(event.stream_id)
            case h2.events.ConnectionTerminated():
                self.gone = True


@contextlib.asynccontextmanager
async def connect2(port: int, name: str, context: ssl.SSLContext | None = None) -> AsyncIterator[Raw2]:
    """A connection to a port of this machine with SNI ``name``."""
    tls = context or careless(("h2",))
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
    try:
        yield Raw2(reader, writer)
    finally:
        writer.transport.abort()


def pairs(host: str, path: str = "/", *more: tuple[bytes, bytes], method: str = "GET") -> list[tuple[bytes, bytes]]:
    """A request's headers, as they should be, and ``more``."""
    first = [(b":method", method.encode()), (b":scheme", b"https"), (b":authority", host.encode("latin-1"))]
    return [*first, (b":path", path.encode("latin-1")), *more]
