"""Following the access log: one connection to HAProxy for all who follow, none when nobody does.

HAProxy keeps nothing for a reader that is late, it drops what is new; so this one always reads, and each follower has a
short queue of its own that drops when the follower is slow, and says how much.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator

import structlog

from ...wire.errors import GrilleError
from ..access_format import RING
from .line import APP

log = structlog.get_logger()
MOST_FOLLOWERS = 100
QUEUE = 2000  # lines that a follower may be behind
CHUNK = 256 * 1024
RETRY = 0.5
LOOK = 1.0  # seconds between two looks whether another HAProxy has taken over
BEGIN = 0.05  # seconds that HAProxy has to begin; it says nothing until there is a line
COMMAND = f"show events {RING} -w -n\n"


class TooMany(GrilleError):
    """As many follow already as may."""

    code = "too_many_followers"
    status = 429


class Follower:
    """One who follows the lines of ``app``."""

    def __init__(self, app: str) -> None:
        self.app = app.encode()
        self._lost = 0
        self._lines: deque[bytes] = deque()
        self._news = asyncio.Event()

    def offer(self, line: bytes) -> None:
        """Queue a line, or count it as lost."""
        if len(self._lines) >= QUEUE:
            self._lost += 1
        else:
            self._lines.append(line)
        self._news.set()

    async def take(self, seconds: float) -> list[str]:
        """The lines that came, waited for at most ``seconds``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        self._news.clear()
        lines = [line.decode("utf-8", "replace") for line in self._lines]
        self._lines.clear()
        return lines

    def missed(self) -> int:
        """How many lines were lost since the last call."""
        lost, self._lost = self._lost, 0
        return lost


class Hub:
    """Hands the ring's new lines to those who follow.

    Args:
        socket: HAProxy's.
    """

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._followers: dict[bytes, list[Follower]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._reading = asyncio.Event()

    @property
    def followers(self) -> int:
        """How many follow."""
        return sum(map(len, self._followers.values()))

    @contextlib.contextmanager
    def follow(self, app: str) -> Iterator[Follower]:
        """A follower for as long as the block lasts; raises TooMany."""
        if self.followers >= MOST_FOLLOWERS:
            raise TooMany(f"{MOST_FOLLOWERS} follow the access log already", remedy="end some, or ask for tail= only")
        follower = Follower(app)
        self._followers.setdefault(follower.app, []).append(follower)
        if self._reader is None:
            self._reader = asyncio.create_task(self._run())
        try:
            yield follower
        finally:
            self._leave(follower)

    async def reading(self, seconds: float) -> None:
        """Wait until HAProxy's lines come here, at most ``seconds``: none that is written from then on is missed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._reading.wait(), seconds)

    def _leave(self, follower: Follower) -> None:
        mine = self._followers[follower.app]
        mine.remove(follower)
        if not mine:
            del self._followers[follower.app]
        if not self._followers and self._reader is not None:
            self._reader.cancel()
            self._reader = None
            self._reading.clear()

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except OSError as error:
                log.debug("access ring not readable", error=str(error))
            self._reading.clear()
            await asyncio.sleep(RETRY)

    async def _read(self) -> None:
        """Hand lines on until HAProxy ends the connection or another one has taken over; raises OSError."""
        here = os.stat(self._socket).st_ino
        reader, writer = await asyncio.open_unix_connection(self._socket)
        try:
            writer.write(COMMAND.encode())
            await writer.drain()
            await asyncio.sleep(BEGIN)
            self._reading.set()
            rest, looked = b"", time.monotonic()
            while True:
                data = await _read_for(reader, LOOK)
                if data == b"":
                    return
                *lines, rest = (rest + (data or b"")).split(b"\n")
                self._hand_on(lines)
                if time.monotonic() - looked >= LOOK:
                    looked = time.monotonic()
                    if os.stat(self._socket).st_ino != here:
                        return
        finally:
            writer.close()

    def _hand_on(self, lines: list[bytes]) -> None:
        """A line of an app that nobody follows costs one split."""
        for line in lines:
            words = line.split(b" ", APP + 1)
            if len(words) > APP + 1:
                for follower in self._followers.get(words[APP], ()):
                    follower.offer(line)


async def _read_for(reader: asyncio.StreamReader, seconds: float) -> bytes | None:
    """The next bytes, none at the end; None when ``seconds`` went by."""
    try:
        async with asyncio.timeout(seconds):
            return await reader.read(CHUNK)
    except TimeoutError:
        return None
