"""The access ring, read whole when somebody asks: the lines that HAProxy still has, and what a minute of them says."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from ..access_format import RING
from ..cli import Cli
from .line import Facts, facts, of_app, shown
from .window import Window, window

FRESH = 5.0  # seconds that one reading serves all who ask for windows
COMMAND = f"show events {RING}"


class Ring:
    """Reads the ring of the HAProxy behind ``socket``. A flood of one app pushes the lines of all others out."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._turn = asyncio.Lock()
        self._windows: tuple[float, Window, Window] | None = None

    async def lines(self) -> list[str]:
        """All lines that are there, oldest first; raises Unavailable while HAProxy is away."""
        cli = await Cli.open(self._socket)
        try:
            (text,) = await cli.run([COMMAND])
        finally:
            cli.close()
        return await asyncio.to_thread(text.split, "\n")

    async def tail(self, app: str, most: int) -> tuple[list[dict[str, object]], set[str]]:
        """The last ``most`` lines of ``app`` as log streams have them, and as they are; raises Unavailable."""
        lines = await self.lines()
        return await asyncio.to_thread(_tail, lines, app, most)

    async def windows(self) -> tuple[Window, Window]:
        """What the last minute says by app, and by backend; at most FRESH seconds old. Raises Unavailable."""
        async with self._turn:
            known = self._windows
            if known is None or time.monotonic() - known[0] > FRESH:
                found = await asyncio.to_thread(_windows, await self.lines())
                known = self._windows = (time.monotonic(), *found)
            return known[1], known[2]


def _tail(lines: list[str], app: str, most: int) -> tuple[list[dict[str, object]], set[str]]:
    last = deque(of_app(lines, app), maxlen=most)
    return [line for line in map(shown, last) if line is not None], set(last)


def _windows(lines: list[str]) -> tuple[Window, Window]:
    now = time.time()
    found = [one for one in map(facts, lines) if one is not None]
    return window(found, now, _app), window(found, now, _backend)


def _app(one: Facts) -> str:
    return one.app


def _backend(one: Facts) -> str:
    return one.backend
