"""What the supervisor's tests need beside a router: its socket, and clients that forgive nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import time
from typing import Any

from tests.services.router.rig import Router


def ask(router: Router, line: str) -> dict[str, Any]:
    """The supervisor's answer to ``line``."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as peer:
        peer.settimeout(30)
        peer.connect(str(router.folder / "supervisor.sock"))
        peer.sendall(line.encode() + b"\n")
        answer: dict[str, Any] = json.loads(peer.makefile().readline())
        return answer


async def do(router: Router, what: str, **more: object) -> dict[str, Any]:
    """The supervisor's answer to a request, while this process goes on."""
    return await asyncio.to_thread(ask, router, json.dumps({"do": what, **more}))


async def served(port: int, timeout: float = 10.0) -> float:
    """Seconds until a request to ``port`` is answered."""
    began = time.monotonic()
    while time.monotonic() - began < timeout:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await Client(port, "app.example", keep=False).once()
            return time.monotonic() - began
        await asyncio.sleep(0.01)
    raise AssertionError(f"nothing serves {port} after {timeout} s")


class Client:
    """A client of HTTP/1.1 that tries nothing twice; with ``keep`` on one connection for as long as it may."""

    def __init__(self, port: int, host: str, *, keep: bool) -> None:
        self._port, self._keep = port, keep
        how = "keep-alive" if keep else "close"
        self._rest = f"HTTP/1.1\r\nHost: {host}\r\nConnection: {how}\r\n\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.sent = self.connections = 0
        self.failures: list[str] = []

    async def once(self, path: str = "/") -> int:
        """Send one request; the status. Raises OSError or IncompleteReadError."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            self.connections += 1
        reader, writer = self._streams
        writer.write(f"GET {path} {self._rest}".encode())
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        await reader.readexactly(int(fields.get("content-length", 0)))
        if not self._keep or fields.get("connection") == "close":
            self.close()
        return int(head.split(" ", 2)[1])

    async def run(self) -> None:
        """One request after another, with pauses in which a connection is idle; never returns."""
        while True:
            self.sent += 1
            try:
                status = await self.once()
                if status != 200:
                    self.failures.append(f"status {status}")
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failures.append(repr(error))
                self.close()
            await asyncio.sleep(random.choice((0, 0, 0.01, 0.05)))

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Clients:
    """``kept`` clients on kept connections and ``fresh`` ones on new ones, for as long as the block lasts."""

    def __init__(self, router: Router, host: str, *, kept: int, fresh: int) -> None:
        self.kept = [Client(router.http, host, keep=True) for _ in range(kept)]
        self.fresh = [Client(router.http, host, keep=False) for _ in range(fresh)]

    async def __aenter__(self) -> Clients:
        self._tasks = [asyncio.create_task(each.run()) for each in (*self.kept, *self.fresh)]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in (*self.kept, *self.fresh):
            each.close()

    @property
    def failures(self) -> list[str]:
        """All that was not a 200."""
        return [failure for each in (*self.kept, *self.fresh) for failure in each.failures]
