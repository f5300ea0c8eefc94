"""A constant load through the router, from a thread of its own, that remembers every request that failed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from types import TracebackType

import aiohttp


class Load:
    """``rate`` requests a second at ``host`` through the router at ``address``, half of them on kept connections.

    Open loop: a slow answer delays no other request. Use as a context manager; read the results after it.

    Args:
        host: the Host header, an app's address.
        rate: requests started per second.
        timeout: seconds after which a request counts as failed.
        address, port: where the router listens; this machine by default.
    """

    def __init__(
        self,
        host: str,
        *,
        rate: float = 100,
        timeout: float = 30,
        path: str = "/",
        port: int = 80,
        address: str = "127.0.0.1",
    ) -> None:
        self.failed: list[tuple[float, str]] = []
        self.answered: list[tuple[float, float, str]] = []  # (start, seconds, body)
        self._url = f"http://{address}:{port}{path}"
        self._host, self._rate, self._timeout = host, rate, timeout
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(self._timeout + 5)

    @property
    def sent(self) -> int:
        """Requests that ended, well or not."""
        return len(self.answered) + len(self.failed)

    def bodies(self) -> Counter[str]:
        """How often each body was answered."""
        return Counter(body for _, _, body in self.answered)

    async def _run(self) -> None:
        limits = aiohttp.ClientTimeout(total=self._timeout)
        kept = aiohttp.ClientSession(timeout=limits, connector=aiohttp.TCPConnector(limit=0))
        fresh = aiohttp.ClientSession(timeout=limits, connector=aiohttp.TCPConnector(limit=0, force_close=True))
        tasks: set[asyncio.Task[None]] = set()
        begin, count = time.monotonic(), 0
        async with kept, fresh:
            while not self._stop.is_set():
                task = asyncio.create_task(self._one(kept if count % 2 else fresh))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                count += 1
                await asyncio.sleep(max(0.0, begin + count / self._rate - time.monotonic()))
            await asyncio.gather(*tasks)

    async def _one(self, session: aiohttp.ClientSession) -> None:
        start = time.monotonic()
        try:
            async with session.get(self._url, headers={"Host": self._host}) as answer:
                body = await answer.text()
                if answer.status == 200:
                    self.answered.append((start, time.monotonic() - start, body))
                else:
                    self.failed.append((start, f"{answer.status} {body[:80]}"))
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failed.append((start, repr(error)))
