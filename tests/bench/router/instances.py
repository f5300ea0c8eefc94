"""Instances that come and go: one process that listens on ports as it is told and says who answers.

An answer is ``<service>/<id>``. ``/stream/<n>`` is answered in n chunks, one each PACE seconds. A connection that is
not HTTP's (a TCP route's) is answered alike: bytes are bytes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Any

from tests.bench.router import processes
from tests.bench.router.world import Server

PACE = 0.5  # seconds between two chunks of a stream
LAST = b"0\r\n\r\n"


class Instance(asyncio.Protocol):
    """One connection of an instance."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._chunks = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._port.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._port.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
            _, found, count = head.partition(b"\r\n")[0].partition(b"/stream/")
            if found:
                self._chunks = int(count.split()[0])
                self._transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                self._chunk()
            else:
                self._transport.write(self._port.answer)

    def _chunk(self) -> None:
        assert self._transport is not None
        if not self._chunks or self._transport.is_closing():
            self._transport.write(LAST)
            return
        self._chunks -= 1
        self._transport.write(b"5\r\nhello\r\n")
        asyncio.get_running_loop().call_later(PACE, self._chunk)

    @property
    def streams(self) -> bool:
        """Whether a stream is under way."""
        return self._chunks > 0

    def abort(self) -> None:
        """Cut the connection."""
        assert self._transport is not None
        self._transport.abort()


class Port:
    """An instance that listens."""

    def __init__(self, service: str, server: Server) -> None:
        text = f"{service}/{server.ident}\n"
        self.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
        self.connections: set[Instance] = set()
        self._server = server
        self._listener: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        loop, server = asyncio.get_running_loop(), self._server
        self._listener = await loop.create_server(lambda: Instance(self), server.address, server.port)

    def close(self, *, gently: bool) -> int:
        """Listen no more and cut what is there, as a process that ends does; the streams that were cut."""
        assert self._listener is not None
        self._listener.close()
        streams = [each for each in self.connections if each.streams]
        for each in [each for each in self.connections if not (gently and each.streams)]:
            each.abort()
        return 0 if gently else len(streams)


class Instances:
    """The process, from the side of who tells it; any thread may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def open(self, service: str, servers: Iterable[Server]) -> None:
        """Let ``servers`` listen; they do when this returns."""
        self._ask(("open", [(service, each) for each in servers]))

    def close(self, servers: Iterable[Server], *, gently: bool = False) -> int:
        """End ``servers``; the streams that this cut. ``gently``: streams go on to their end."""
        return int(self._ask(("retire" if gently else "close", [each.port for each in servers])))

    def cpu(self) -> float:
        """Seconds of processor time that the process has used."""
        return float(self._ask(("cpu", [])))

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()

    def _ask(self, what: tuple[str, list[Any]]) -> Any:
        with self._lock:
            self._pipe.send(what)
            return self._pipe.recv()


def _serve(pipe: Connection) -> None:
    processes.stand_apart()
    asyncio.run(_run(pipe))


async def _run(pipe: Connection) -> None:
    ports: dict[int, Port] = {}
    told = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), told.set)
    while True:
        await told.wait()
        told.clear()
        while pipe.poll():
            try:
                verb, arguments = pipe.recv()
            except EOFError:
                return
            pipe.send(await _do(verb, arguments, ports))


async def _do(verb: str, arguments: list[Any], ports: dict[int, Port]) -> float:
    if verb == "open":
        for service, server in arguments:
            ports[server.port] = Port(service, server)
            await ports[server.port].open()
        return 0
    if verb == "cpu":
        return time.process_time()
    return sum(ports.pop(number).close(gently=verb == "retire") for number in arguments)
