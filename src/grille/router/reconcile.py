"""The loop that keeps HAProxy in step: look, plan, do, tell. One connection to HAProxy after another."""

from __future__ import annotations

import asyncio
import contextlib
import time

import structlog

from ..store import Mirror
from ..wire.errors import Unavailable
from . import edge, saved
from .actions import Action, Maint, Remove
from .cli import Cli
from .desired import Reader
from .draining import Drains, Holds, leaving
from .model import Actual, Desired
from .plan import plan
from .publish import Publisher, Report

log = structlog.get_logger()
RECHECK = 30.0  # seconds after which HAProxy is asked anew, in case somebody else changed it
TICK = 0.2  # seconds between two looks while servers drain
SLOW_TICK = 1.0  # seconds between two looks while requests wait, or after a refusal
RECONNECT = 0.2
AWAY = 3.0  # seconds without HAProxy after which the router's status is withdrawn
BUSY = "Server still has connections"


class Reconciler:
    """Keeps the HAProxy behind ``socket`` in step with ``mirror``.

    Args:
        folder: where HAProxy's configuration says that the maps are.
        drain_max: seconds after which the sessions left on a draining server are cut.
    """

    def __init__(
        self, mirror: Mirror, publisher: Publisher, saver: saved.Saver, folder: str, socket: str, drain_max: float
    ) -> None:
        self._mirror, self._publisher, self._saver = mirror, publisher, saver
        self.folder, self.socket, self._drain_max = folder, socket, drain_max
        self._reader, self._holds, self._drains = Reader(), Holds(), Drains()
        self._wake = asyncio.Event()
        self._asked = 0.0  # when HAProxy was last asked all; 0: ask now
        self._heard = time.monotonic()  # when HAProxy last answered
        self._refusals = 0  # turns in a row in which HAProxy refused something
        self.actual = Actual()
        self.desired = Desired()
        self.unplaced: list[str] = []
        mirror.listen(lambda events, revision: self._wake.set())

    async def run(self) -> None:
        """The loop; never returns."""
        await self._mirror.ready()
        while True:
            with contextlib.suppress(Unavailable):
                await self._follow(await Cli.open(self.socket, self._wake.set))
            if time.monotonic() - self._heard > AWAY:
                self._publisher.offer(None)
            await asyncio.sleep(RECONNECT)

    async def _follow(self, cli: Cli) -> None:
        """Keep the HAProxy behind one connection in step until it goes away."""
        self._asked = 0.0
        log.info("HAProxy found", socket=self.socket)
        try:
            while not cli.lost:
                self._wake.clear()
                pause = await self._turn(cli)
                self._heard = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)
        finally:
            cli.close()
            log.warning("HAProxy is away", socket=self.socket, remedy="see docker logs grille-haproxy")

    async def _turn(self, cli: Cli) -> float:
        """One look at everything; the seconds until the next one is due."""
        if not self._asked or time.monotonic() - self._asked >= RECHECK:
            await self._ask(cli)
        revision = self._mirror.revision
        self._read()
        now = time.monotonic()
        held = self._holds.update(self.desired, self.actual, now)
        planned = plan(self.desired, self.actual, held)
        self._tell_unplaced(planned.unplaced)
        if not await self._do(cli, planned.actions) and self._refusals < 2:
            return 0.0  # HAProxy is not what it was thought to be: ask it, plan again
        await self._count(cli)
        self._publisher.offer(Report(revision, self.actual.pid, self._drains.counts()))
        await self._remove(cli)
        self._saver.offer(saved.of(self.actual))
        if self._drains.servers:
            return TICK
        return min(RECHECK, SLOW_TICK * max(1, self._refusals)) if held or self._refusals else RECHECK

    async def _ask(self, cli: Cli) -> None:
        self.actual = await edge.ask(cli, self.folder)
        self._asked = time.monotonic()

    def _read(self) -> None:
        before = self.desired.refused
        self.desired = self._reader.desired(self._mirror.entries)
        for key, reason in self.desired.refused.items():
            if before.get(key) != reason:
                log.warning("record left out", key=key, reason=reason)

    def _tell_unplaced(self, unplaced: list[str]) -> None:
        if unplaced and unplaced != self.unplaced:
            log.error(
                "no backend left for these services",
                services=unplaced,
                remedy="raise GRILLE_ROUTER_POOL and restart grille-haproxy",
            )
        self.unplaced = unplaced

    async def _do(self, cli: Cli, actions: list[Action]) -> bool:
        """Carry out ``actions``; whether HAProxy accepted them all."""
        refused = await edge.carry_out(cli, actions, self.actual, self.folder) if actions else []
        if not refused:
            self._refusals = 0
            return True
        self._refusals += 1
        self._asked = 0.0
        for action, answer in refused[:20]:
            log.warning("HAProxy refused", action=str(action), answer=answer, turn=self._refusals)
        return False

    async def _count(self, cli: Cli) -> None:
        names = leaving(self.actual)
        sessions = await edge.sessions(cli, names) if names else {}
        self._drains.update(self.actual, sessions, time.monotonic())

    async def _remove(self, cli: Cli) -> None:
        """Delete servers that have drained; cut those that took too long."""
        now = time.monotonic()
        overdue = self._drains.overdue(now, self._drain_max)
        if overdue:
            log.warning("sessions cut after draining too long", servers=[name for _, name in overdue])
            await cli.run([f"shutdown sessions server {at}/{name}" for at, name in overdue])
        names = self._drains.removable(now)
        if not names:
            return
        await edge.carry_out(cli, [Maint(at, name) for at, name in names], self.actual, self.folder)
        refused = await edge.carry_out(cli, [Remove(at, name) for at, name in names], self.actual, self.folder)
        if any(not answer.startswith(BUSY) for _, answer in refused):
            self._asked = 0.0
