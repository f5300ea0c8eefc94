"""DNS over UDP: all that waits in the socket is answered in one go, what must be asked elsewhere later."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

BATCH = 64  # packets answered before HTTP has its turn
BUFFER = 1024 * 1024  # bytes that may wait while HTTP has it
LONGEST = 4096  # bytes of a packet that are looked at

Reply = bytes | None | Coroutine[Any, Any, bytes]
Handler = Callable[..., Reply]


class Datagrams:
    """A bound UDP socket, served by the running loop until ``close``; raises OSError when it cannot be bound.

    Args:
        handle: called with a packet, the client's address, and ``tcp=False``.
    """

    def __init__(self, address: str, port: int, handle: Handler) -> None:
        self._handle = handle
        self._later: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            self._socket.bind((address, port))
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket, self._readable)

    def close(self) -> None:
        """Serve no more."""
        self._loop.remove_reader(self._socket)
        for task in self._later:
            task.cancel()
        self._socket.close()

    def _readable(self) -> None:
        for _ in range(BATCH):
            try:
                packet, client = self._socket.recvfrom(LONGEST)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error for an answer sent before
                continue
            reply = self._handle(packet, client[0], tcp=False)
            if isinstance(reply, bytes):
                self._send(reply, client)
            elif reply is not None:
                task = self._loop.create_task(self._answer(reply, client))
                self._later.add(task)
                task.add_done_callback(self._later.discard)

    async def _answer(self, reply: Coroutine[Any, Any, bytes], client: Any) -> None:
        self._send(await reply, client)

    def _send(self, reply: bytes, client: Any) -> None:
        try:
            self._socket.sendto(reply, client)
        except OSError:  # the client is gone, or its queue is full: it asks again
            return
