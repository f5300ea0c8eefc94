"""Asks other servers (RFC 5452: an ID and a source port by chance, and an answer to just that question)."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable

from dns.rcode import REFUSED, SERVFAIL

from .query import HEADER, is_query
from .upstreams import Endpoint

TRY, DEADLINE = 1.2, 4.0  # seconds: one server, all of them; a client's resolver waits 4 or 5
ROUNDS = 2  # tries of each server
FLIGHTS_MOST, FLIGHTS_EACH = 512, 128  # queries under way: all, those of one client
Ask = Callable[[Endpoint, bytes], Awaitable[bytes]]


class Relay:
    """Passes queries on, to the server that answered last first.

    Args:
        upstreams: gives the servers, in their order.
    """

    def __init__(self, upstreams: Callable[[], list[Endpoint]]) -> None:
        self._upstreams = upstreams
        self._good: Endpoint | None = None
        self._flights: Counter[str] = Counter()

    def admit(self, client: str) -> bool:
        """Whether one more query of ``client`` may be under way; if so, ``release`` it when it ended."""
        if self._flights.total() >= FLIGHTS_MOST or self._flights[client] >= FLIGHTS_EACH:
            return False
        self._flights[client] += 1
        return True

    def release(self, client: str) -> None:
        """A query of ``client`` has ended."""
        self._flights[client] -= 1
        if not self._flights[client]:
            del self._flights[client]

    async def exchange(self, packet: bytes, end: int, *, tcp: bool) -> bytes | None:
        """The answer to the query ``packet``, whose question ends at ``end``; None when no server gives one."""
        asked = secrets.token_bytes(2) + packet[2:]
        worse = None
        try:
            async with asyncio.timeout(DEADLINE):
                for server in self._order() * ROUNDS:
                    answer = await self._try(server, asked, end, tcp)
                    if answer is None:
                        continue
                    worse = packet[:2] + answer[2:]
                    if answer[3] & 15 not in (SERVFAIL, REFUSED):
                        self._good = server
                        return worse
        except TimeoutError:
            pass
        return worse

    def _order(self) -> list[Endpoint]:
        return sorted(self._upstreams(), key=lambda server: server != self._good)

    async def _try(self, server: Endpoint, asked: bytes, end: int, tcp: bool) -> bytes | None:
        try:
            async with asyncio.timeout(TRY):
                return await (_by_stream if tcp else _by_datagram)(server, asked, end)
        except (OSError, EOFError):  # TimeoutError is an OSError
            return None


async def _by_datagram(server: Endpoint, asked: bytes, end: int) -> bytes:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as own:
        own.setblocking(False)
        own.connect(server)  # the kernel picks a port by chance, and takes answers from this server alone
        await loop.sock_sendall(own, asked)
        while not answers(answer := await loop.sock_recv(own, 65535), asked, end):
            pass
    return answer


async def _by_stream(server: Endpoint, asked: bytes, end: int) -> bytes:
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(len(asked).to_bytes(2, "big") + asked)
        answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.transport.abort()
    if not answers(answer, asked, end):
        raise OSError("an answer to something else")
    return answer


def answers(answer: bytes, asked: bytes, end: int) -> bool:
    """Whether ``answer`` is one to the query ``asked``: its ID, one question, the same one in any case."""
    name, kind = slice(HEADER.size, end - 4), slice(end - 4, end)
    return (
        len(answer) >= end
        and not is_query(answer)
        and (answer[:2], answer[4:6], answer[kind]) == (asked[:2], b"\0\1", asked[kind])
        and answer[name].lower() == asked[name].lower()
    )
