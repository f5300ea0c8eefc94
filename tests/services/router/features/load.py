"""Clients that ask all the time, and what became of their requests."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

import aiohttp


class Asking:
    """``clients`` ask ``host`` one request after the other, with a cookie jar each, for as long as the block lasts.

    ``answers``: the body of each good answer, per client, with the second it was asked for; ``failed``: all others.
    """

    def __init__(
        self, port: int, host: str, *, clients: int = 4, pause: float = 0.01, path: str = "/", timeout: float = 30
    ) -> None:
        self._url, self._host, self._pause, self._timeout = f"http://127.0.0.1:{port}{path}", host, pause, timeout
        self.answers: list[list[tuple[float, str]]] = [[] for _ in range(clients)]
        self.failed: list[tuple[float, str]] = []
        self.seconds: list[tuple[float, float]] = []  # when asked, how long it took
        self._ends = asyncio.Event()

    async def __aenter__(self) -> Asking:
        self._tasks = [asyncio.create_task(self._client(each)) for each in self.answers]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._ends.set()
        await asyncio.gather(*self._tasks)

    @property
    def sent(self) -> int:
        """How many requests ended."""
        return len(self.seconds)

    def bodies(self, since: float = 0.0) -> Counter[str]:
        """How often each body was answered to requests made after ``since`` (monotonic)."""
        return Counter(body for client in self.answers for asked, body in client if asked >= since)

    async def _client(self, answers: list[tuple[float, str]]) -> None:
        limit = aiohttp.ClientTimeout(total=self._timeout)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, timeout=limit, headers={"Host": self._host}) as session:
            while not self._ends.is_set():
                await self._one(session, answers)
                await asyncio.sleep(self._pause)

    async def _one(self, session: aiohttp.ClientSession, answers: list[tuple[float, str]]) -> None:
        begun = time.monotonic()
        try:
            async with session.get(self._url) as reply:
                text = await reply.text()
                if reply.status == 200:
                    answers.append((begun, text))
                else:
                    self.failed.append((begun, f"{reply.status} {text[:200]}"))
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failed.append((begun, repr(error)))
        self.seconds.append((begun, time.monotonic() - begun))


def quantile(values: list[float], share: float) -> float:
    """The value that ``share`` of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def within(found: Mapping[str, int], name: str, share: float) -> bool:
    """Whether ``name`` has about ``share`` of all: within five standard deviations of the binomial distribution."""
    total = sum(found.values())
    return abs(found.get(name, 0) - total * share) <= 5 * (total * share * (1 - share)) ** 0.5
