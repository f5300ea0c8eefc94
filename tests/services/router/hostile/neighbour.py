"""``python neighbour.py <port of the router> <host>``: an app, and a client of it, in a process that nobody else slows.

Prints the app's port. For each line on stdin: ``begin`` starts a measurement, ``end`` prints ``[seconds, failures]``.
Standard library.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

PAUSE = 0.01
CLIENTS = 2
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The app."""
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


class Client:
    """Asks all the time; a kept connection for ten requests, then a new one."""

    def __init__(self, port: int, host: str) -> None:
        self._port, self._head = port, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self.seconds: list[float] = []
        self.failures: list[str] = []

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                for _ in range(10):
                    await self._one(reader, writer)
                writer.close()
            except (OSError, EOFError, TimeoutError) as error:
                self.failures.append(repr(error))

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun = time.monotonic()
        writer.write(self._head)
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                self.failures.append(repr(head[:60]))
            await reader.readexactly(2)
        self.seconds.append(time.monotonic() - begun)
        await asyncio.sleep(PAUSE)


async def main() -> None:
    """Serve, and measure when asked to."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    client = Client(int(sys.argv[1]), sys.argv[2])
    tasks: list[asyncio.Task[None]] = []
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == "begin":
            client.seconds, client.failures = [], []
            tasks = [asyncio.create_task(client.run()) for _ in range(CLIENTS)]
            continue
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        print(json.dumps([client.seconds, client.failures]), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
