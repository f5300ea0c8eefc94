"""Looks at HAProxy's counters: one at a time however many ask, and the few seconds of them that rates need."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .. import stats
from ..cli import Cli
from .ledger import COLUMNS, Counts, Key, Ledger

KEPT = 15.0  # seconds that a look can be what a rate starts from
YOUNGEST = 2.0  # seconds between two looks that a rate needs
FRESH = 1.0  # seconds that one look serves all who ask


@dataclass(frozen=True)
class Look:
    """What there was at one time (monotonic seconds): the totals of all, and the rows of what is in use."""

    time: float
    totals: dict[Key, Counts]
    present: dict[Key, stats.Row]


class Looker:
    """Looks at the HAProxy behind ``socket``.

    Args:
        services: gives the map of services, variant to backend, as it is now.
    """

    def __init__(self, socket: str, services: Callable[[], Mapping[str, str]]) -> None:
        self._socket, self._services = socket, services
        self._ledger = Ledger()
        self._past: deque[Look] = deque()
        self._turn = asyncio.Lock()

    async def look(self, fresh: float = FRESH) -> Look:
        """How it is now, or was at most ``fresh`` seconds ago; raises Unavailable while HAProxy is away."""
        async with self._turn:
            if self._past and time.monotonic() - self._past[-1].time < fresh:
                return self._past[-1]
            services = dict(self._services())
            info, text = await self._ask()
            taken = await asyncio.to_thread(self._take, info, text, services)
            while self._past and taken.time - self._past[0].time > KEPT:
                self._past.popleft()
            self._past.append(taken)
            return taken

    async def pair(self) -> tuple[Look, Look]:
        """Two looks for rates: now, and one up to KEPT seconds before; takes YOUNGEST seconds if there is none."""
        now = await self.look()
        before = [one for one in self._past if one.time <= now.time - YOUNGEST]
        if before:
            return before[0], now
        await asyncio.sleep(YOUNGEST)
        return now, await self.look(0.0)

    async def _ask(self) -> tuple[str, str]:
        cli = await Cli.open(self._socket)
        try:
            info, text = await cli.run(["show info", "show stat -1 7 -1"])
        finally:
            cli.close()
        return info, text

    def _take(self, info: str, text: str, services: Mapping[str, str]) -> Look:
        """In a thread: thousands of servers are some ten milliseconds."""
        present = self._ledger.take(stats.rows(text, COLUMNS), services, life(info))
        return Look(time.monotonic(), {key: dict(counts) for key, counts in self._ledger.totals.items()}, present)


def life(info: str) -> str:
    """What tells one process of HAProxy from the next, in an answer to ``show info``."""
    fields = dict(line.split(": ", 1) for line in info.splitlines() if ": " in line)
    return f"{fields.get('Pid', '')} {fields.get('Start_time_sec', '')}"
