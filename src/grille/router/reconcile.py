"""The loop that keeps HAProxy in step: look, plan, do, tell. One connection to HAProxy after another."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import structlog

from ..store import Event, Mirror
from ..wire.errors import Unavailable
from . import edge, handover, saved
from .actions import Action, Down
from .cli import Cli
from .desired import Table
from .drainer import Drainer
from .holds import Holds
from .model import Actual, Name, Slice
from .plan import plan, strays, whole
from .publish import Publisher, Report
from .render import SOCKET
from .saved import Structure
from .tls.keeper import Certificates

log = structlog.get_logger()
RECHECK = 30.0  # seconds after which HAProxy is asked anew, in case somebody else changed it
SLOW_TICK = 1.0  # seconds between two looks while requests wait, or after a refusal
RECONNECT = 0.2
AWAY = 3.0  # seconds without HAProxy after which the router's status is withdrawn


class Reconciler:
    """Keeps the HAProxy in ``folder`` in step with ``mirror``.

    Args:
        drain_max: seconds after which the sessions left on a draining server are cut.
    """

    def __init__(
        self, mirror: Mirror, publisher: Publisher, certificates: Certificates, folder: Path, drain_max: float
    ) -> None:
        self._mirror, self._publisher, self.certificates = mirror, publisher, certificates
        self.folder, self.socket = str(folder), str(folder / SOCKET)
        self.saver = saved.Saver(folder, self._state)
        self.table = Table()
        self.actual = Actual()
        self.unplaced: set[str] = set()
        self.structure = Structure()
        self.handovers = handover.Handovers(folder)
        self._drainer, self._holds = Drainer(drain_max), Holds()
        self._wake = asyncio.Event()
        self._events: list[Event] = []
        self._revision = 0  # of the store, at the newest of the events
        self._down: set[Name] = set()
        self._asked = 0.0  # when HAProxy was last asked all; 0: ask now
        self._heard = time.monotonic()  # when HAProxy last answered
        self._refusals = 0  # turns in a row in which HAProxy refused something
        mirror.listen(self._listen)
        certificates.staples.news = self._wake.set

    def take_down(self, names: set[Name]) -> None:
        """Let HAProxy take the servers called ``names`` for dead, until a check of it passes."""
        self._down |= names
        self._wake.set()

    async def run(self) -> None:
        """The loop; never returns."""
        await self._mirror.ready()
        while True:
            with contextlib.suppress(Unavailable):
                await self._follow(await Cli.open(self.socket, self._wake.set))
            if time.monotonic() - self._heard > AWAY:
                self._publisher.offer(None)
            await asyncio.sleep(RECONNECT)

    def _listen(self, events: list[Event], revision: int) -> None:
        self._events += events
        self._revision = revision
        self._wake.set()

    def _state(self) -> saved.Saved | None:
        if not self.actual.pid:
            return None
        return saved.of(self.actual, self.structure, self.certificates.saved())

    async def _follow(self, cli: Cli) -> None:
        """Keep the HAProxy behind one connection in step until it goes away, or another one took over."""
        self._asked = 0.0
        log.info("HAProxy found", socket=self.socket)
        try:
            while not cli.lost:
                self._wake.clear()
                pause = await self._turn(cli)
                self._heard = time.monotonic()
                if pause is None:
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)
            log.warning("HAProxy is away", socket=self.socket, remedy="see docker logs grille-haproxy")
        finally:
            if not self._drainer.keeps(cli):
                cli.close()

    async def _turn(self, cli: Cli) -> float | None:
        """One look; the seconds until the next one is due, None when this connection is done with."""
        revision = self._take()
        now = time.monotonic()
        if not self._asked or now - self._asked >= RECHECK:
            await self._ask(cli)
            wanted, extra = whole(self.table.everything(), self.actual), strays(self.actual)
        else:
            self.table.touch({*self._holds.due(now), *self.unplaced})
            wanted, extra = self.table.changes(), []
        if not await self._change(cli, wanted, extra, now) and self._refusals < 2:
            return 0.0  # HAProxy is not what it was thought to be: ask it, plan again
        certified = await self.certificates.turn(cli)
        await self._drainer.count(cli, self.actual)
        self._publisher.offer(self._report(revision))
        if await self._drainer.remove(cli, self.actual, self.folder):
            self._asked = 0.0
        self._publisher.offer(self._report(revision))
        self.saver.changed()
        if await self._hand_over(cli):
            return None
        return self._pause(certified)

    def _take(self) -> int:
        """Take in what the store told; the revision that this is up to."""
        events, self._events = self._events, []
        before = self.table.refused.copy() if events else {}
        self.table.apply(events)
        self.certificates.apply(events)
        for key, reason in self.table.refused.items() if events else ():
            if before.get(key) != reason:
                log.warning("record left out", key=key, reason=reason)
        return self._revision

    async def _ask(self, cli: Cli) -> None:
        self.actual = await edge.ask(cli, self.folder)
        await self.certificates.ask(cli)
        self.structure = handover.structure_of(self.actual, self.structure)
        self._asked = time.monotonic()

    async def _change(self, cli: Cli, wanted: Slice, extra: list[Action], now: float) -> bool:
        """Carry out what ``wanted`` needs; whether HAProxy accepted all of it."""
        held = self._holds.update(wanted, self.actual, now)
        planned = plan(wanted, self.actual, held)
        self.unplaced = (self.unplaced - wanted.variants.keys()) | planned.unplaced
        actions = [*planned.actions, *extra, *(Down(*name) for name in self._known(self._down))]
        self._down = set()
        refused = await edge.carry_out(cli, actions, self.actual, self.folder) if actions else []
        if not refused:
            self._refusals = 0
            return True
        self._refusals += 1
        self._asked = 0.0
        for action, answer in refused[:20]:
            log.warning("HAProxy refused", action=str(action), answer=answer, turn=self._refusals)
        return False

    def _known(self, names: set[Name]) -> list[Name]:
        return [(at, name) for at, name in names if name in self.actual.backends.get(at, {})]

    def _report(self, revision: int) -> Report:
        return Report(
            revision,
            self.actual.pid,
            self._drainer.counts(),
            self.table.refused | self.certificates.refused | self._homeless(),
            self.handovers.count,
            self.handovers.reason,
        )

    def _homeless(self) -> dict[str, str]:
        return dict.fromkeys(self.table.routes_of(self.unplaced), "no backend is free yet: a larger pool is on its way")

    async def _hand_over(self, cli: Cli) -> bool:
        """Have another HAProxy take over when this one's structure does not do; whether one did."""
        if not self.handovers.due():
            return False
        passed = self.table.wants_passthrough()
        used, dropped = self.actual.services.values(), self.certificates.dropped
        wanted, reason = handover.needed(self.structure, used, self.unplaced, passed, dropped)
        if not reason:
            return False
        before, self.structure = self.structure, wanted
        await self.saver.write()
        if await self.handovers.ask(reason):
            self._drainer.keep(cli)
            self.certificates.dropped = 0
            return True
        self.structure = before
        return False

    def _pause(self, certified: bool) -> float:
        if pause := self._drainer.pause(self.actual):
            return pause
        if self._holds or self.unplaced or self._refusals or not certified:
            return min(RECHECK, SLOW_TICK * max(1, self._refusals))
        return RECHECK
