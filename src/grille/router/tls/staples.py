"""Fetches OCSP answers in the background, in time and not all at once; a responder that is away harms nothing else."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable

import aiohttp
import structlog

from ...wire.errors import InvalidValue, Unavailable
from .ocsp import MOST, Answer, Question, read

log = structlog.get_logger()
PAUSES = (30.0, 300.0, 1800.0, 3600.0)  # seconds after which a responder is asked again that gave no good answer
TIMEOUT = 10.0
LOOK = 5.0  # seconds between two looks at what is due
JITTER = 0.1  # of the time to the next question, more or less
AT_ONCE = 4


class Staples:
    """``answers``: the newest good answer by the certificate's fingerprint (sha1).

    ``news`` is called when there is a new one.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.news: Callable[[], None] = lambda: None
        self._questions: dict[str, Question] = {}
        self._next: dict[str, float] = {}  # when to ask
        self._failures: dict[str, int] = {}
        self._changed = asyncio.Event()

    def want(self, questions: Iterable[Question]) -> None:
        """These are the certificates that want an answer; all others are forgotten."""
        self._questions = {one.sha1: one for one in questions}
        for table in (self.answers, self._next, self._failures):
            for gone in table.keys() - self._questions.keys():
                del table[gone]
        if self._questions.keys() - self._next.keys():
            self._changed.set()

    async def run(self) -> None:
        """The loop; never returns."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                now = time.time()
                due = [one for sha1, one in self._questions.items() if self._next.get(sha1, 0.0) <= now]
                for start in range(0, len(due), AT_ONCE):
                    await asyncio.gather(*(self._ask(session, one) for one in due[start : start + AT_ONCE]))
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), LOOK)
                except TimeoutError:
                    continue

    async def _ask(self, session: aiohttp.ClientSession, one: Question) -> None:
        now = time.time()
        try:
            answer = read(one, await _fetch(session, one), now)
        except (InvalidValue, Unavailable) as error:
            failures = self._failures.get(one.sha1, 0)
            self._failures[one.sha1] = failures + 1
            self._later(one, PAUSES[min(failures, len(PAUSES) - 1)])
            log.info("no OCSP answer", url=one.url, error=error.message, failures=failures + 1)
            return
        self._failures.pop(one.sha1, None)
        self._later(one, max(PAUSES[0], answer.refresh() - now))
        self.answers[one.sha1] = answer
        self.news()

    def _later(self, one: Question, pause: float) -> None:
        self._next[one.sha1] = time.time() + pause * random.uniform(1 - JITTER, 1 + JITTER)


async def _fetch(session: aiohttp.ClientSession, one: Question) -> bytes:
    headers = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
    try:
        async with session.post(one.url, data=one.body(), headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:
                raise Unavailable(f"the responder answers {answer.status}")
            return await answer.content.read(MOST + 1)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Unavailable(f"the responder does not answer: {error or type(error).__name__}") from None
