"""A load generator of its own process: requests at a steady rate, open loop, on raw sockets of asyncio.

Half of the requests go over kept connections, the others each over a new one. A latency is from when the request
was due until its whole answer is there, so a generator or router that lags shows. Beside them run streams, which
are opened again as they end, and TLS handshakes with new connections, whose certificates are checked.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import random
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from tests.bench.router import processes
from tests.bench.router.instances import LAST, PACE
from tests.bench.router.world import Target

TIMEOUT = 10.0  # seconds after which a request has failed
SILENCE = 5.0  # seconds without a chunk after which a stream has
LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Mix:
    """What to ask: ``rate`` requests a second of ``plain``, ``tls_rate`` of ``tls``, and ``streams``."""

    plain: Sequence[Target]
    rate: float
    seconds: float
    tls: Sequence[Target] = ()
    tls_rate: float = 0.0
    ca: str = ""
    streams: Sequence[Target] = ()


@dataclass
class Seen:
    """What came of it: (when due by the monotonic clock, milliseconds, error or "") of each request."""

    requests: list[tuple[float, float, str]] = field(default_factory=list)
    streams: int = 0
    cut: list[tuple[float, str]] = field(default_factory=list)
    cpu: float = 0.0

    def latencies(self, start: float, end: float) -> list[float]:
        """Milliseconds of the requests that were due between two moments and did not fail."""
        return [took for due, took, error in self.requests if start <= due < end and not error]

    def errors(self, start: float, end: float) -> Counter[str]:
        """The failures of the requests that were due between two moments."""
        return Counter(error for due, _, error in self.requests if start <= due < end and error)


class Client(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.used = 0
        self._buffer = bytearray()
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if self._answer is None or self._answer.done() or end < 0:
            return
        head = bytes(self._buffer[:end])
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) >= end + 4 + length:
            answer = bytes(self._buffer)
            self._buffer.clear()
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("cut" if self._buffer else "closed unanswered"))

    @property
    def open(self) -> bool:
        """Whether a request can be sent on it."""
        return self.transport is not None and not self.transport.is_closing()

    async def ask(self, request: bytes) -> bytes:
        """The whole answer to ``request``; raises OSError."""
        if self.transport is None:
            raise ConnectionError("closed")
        self.used += 1
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


async def connect(target: Target, tls: ssl.SSLContext | None = None) -> Client:
    """A new connection to where ``target`` is; raises OSError."""
    loop = asyncio.get_running_loop()
    name = target.host if tls else None
    _, client = await loop.create_connection(Client, LOCAL, target.port, ssl=tls, server_hostname=name)
    return client


class Generator:
    """The loops of one run."""

    def __init__(self, mix: Mix) -> None:
        self._mix, self.seen = mix, Seen()
        self._idle: dict[int, list[Client]] = {}
        self._random = random.Random(7)
        self._tls = ssl.create_default_context(cadata=mix.ca) if mix.ca else None
        self._end = time.monotonic() + mix.seconds

    async def run(self) -> Seen:
        """Until the time of the mix is over."""
        mix = self._mix
        loops = [self._paced(mix.plain, mix.rate), *map(self._stream, mix.streams)]
        if mix.tls:
            loops.append(self._paced(mix.tls, mix.tls_rate))
        await asyncio.gather(*loops)
        self.seen.cpu = time.process_time()
        return self.seen

    async def _paced(self, targets: Sequence[Target], rate: float) -> None:
        tasks: set[asyncio.Task[None]] = set()
        due, number = time.monotonic(), 0
        while due < self._end:
            if (left := due - time.monotonic()) > 0:
                await asyncio.sleep(left)
            task = asyncio.create_task(self._one(self._random.choice(targets), due, keep=number % 2 == 0))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            due += 1 / rate
        await asyncio.gather(*tasks)

    async def _one(self, target: Target, due: float, *, keep: bool) -> None:
        error = ""
        try:
            async with asyncio.timeout(TIMEOUT):
                error = await self._ask(target, keep=keep and not target.tls)
        except TimeoutError:
            error = "timeout"
        except OSError as failure:
            error = f"{type(failure).__name__}: {failure}"[:60]
        named = f"{target.kind}: {error}" if error else ""
        self.seen.requests.append((due, 1000 * (time.monotonic() - due), named))

    async def _ask(self, target: Target, *, keep: bool) -> str:
        """What is wrong with the answer, if anything."""
        idle = self._idle.setdefault(target.port, [])
        client = None
        while keep and idle and client is None:
            client = idle.pop() if idle[-1].open else idle.pop() and None
        client = client or await connect(target, self._tls if target.tls else None)
        try:
            answer = await client.ask(target.request(keep=keep))
        except ConnectionError as failure:
            if keep and client.used > 1 and "unanswered" in str(failure):
                return "kept connection closed unanswered"
            raise
        if keep:
            idle.append(client)
        elif client.transport is not None:
            client.transport.close()
        return wrong(answer, target.expect)

    async def _stream(self, target: Target) -> None:
        while time.monotonic() < self._end:
            self.seen.streams += 1
            try:
                await self._follow(target)
            except (OSError, TimeoutError, EOFError) as failure:
                self.seen.cut.append((time.monotonic(), f"{target.host}: {type(failure).__name__} {failure}"[:80]))
                await asyncio.sleep(PACE)

    async def _follow(self, target: Target) -> None:
        """One stream to its end, or to that of the run."""
        reader, writer = await asyncio.open_connection(LOCAL, target.port)
        writer.write(target.request())
        data = b""
        try:
            while not data.endswith(LAST) and time.monotonic() < self._end:
                async with asyncio.timeout(SILENCE):
                    more = await reader.read(4096)
                if not more or not (data or more.startswith(b"HTTP/1.1 200")):
                    raise EOFError(more[:30].decode("latin1"))
                data = (data + more)[-200:]
        finally:
            writer.close()


def wrong(answer: bytes, expect: str) -> str:
    """What is wrong with ``answer``; an empty string when it is a 200 whose body begins with ``expect``."""
    if not answer.startswith(b"HTTP/1.1 200"):
        return f"status {answer[9:12].decode('latin1')}"
    body = answer.partition(b"\r\n\r\n")[2].decode("latin1")
    return "" if body.startswith(expect) else f"answered by {body[:40].strip()}"


class Load:
    """The generator's process: ``result`` waits for its end."""

    def __init__(self, mix: Mix) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_run, args=(mix, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()
        self.started = time.monotonic()

    def result(self) -> Seen:
        """What was seen; raises RuntimeError when the generator failed."""
        try:
            seen = self._pipe.recv()
        except EOFError:
            raise RuntimeError("the load generator failed: its error is above") from None
        finally:
            self._process.join()
        assert isinstance(seen, Seen)
        return seen

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()


def _run(mix: Mix, pipe: Connection) -> None:
    processes.stand_apart()
    gc.disable()  # it keeps all that it saw: looking through that takes longer the later it is
    pipe.send("ready")
    pipe.send(asyncio.run(Generator(mix).run()))
