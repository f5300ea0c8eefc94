"""DNS over TCP (RFC 7766): several queries a connection, answered in their order."""

from __future__ import annotations

import asyncio

from .udp import Handler

IDLE = 10.0  # seconds for the next whole query to arrive, and for an answer to be taken
CONNECTIONS_MOST = 256  # at once; beyond, the one that has been idle longest goes


class Streams:
    """The connections of one listening address.

    Args:
        handle: called with a packet, the client's address, and ``tcp=True``.
    """

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._open: dict[asyncio.StreamWriter, None] = {}  # idle longest first

    async def listen(self, address: str, port: int) -> asyncio.Server:
        """Begin to accept; raises OSError when the port cannot be had."""
        return await asyncio.start_server(self._serve, address, port, backlog=512)

    def close(self) -> None:
        """Cut off every connection."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= CONNECTIONS_MOST:
            longest = next(iter(self._open))
            del self._open[longest]
            longest.transport.abort()
        client = writer.get_extra_info("peername")[0]
        try:
            while await self._one(reader, writer, client):
                pass
        except (OSError, EOFError):  # gone, half a message, or TimeoutError
            pass
        finally:
            self._open.pop(writer, None)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: str) -> bool:
        """Answer the next query; False when there is nothing to answer."""
        self._open.pop(writer, None)
        self._open[writer] = None
        async with asyncio.timeout(IDLE):
            packet = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        reply = self._handle(packet, client, tcp=True)
        if reply is not None and not isinstance(reply, bytes):
            reply = await reply
        if reply is None:
            return False
        writer.write(len(reply).to_bytes(2, "big") + reply)
        async with asyncio.timeout(IDLE):
            await writer.drain()
        return True
