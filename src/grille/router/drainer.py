"""Draining, carried out: sessions counted, in this HAProxy and those before it; servers removed, the slow ones cut."""

from __future__ import annotations

import time
from dataclasses import replace

import structlog

from ..wire.errors import Unavailable
from . import edge
from .actions import Move, Remove
from .cli import Cli
from .drains import Drains
from .model import Actual, Name

log = structlog.get_logger()
COUNT = 0.2  # seconds between two counts of sessions
QUICK = 0.03  # seconds between the first counts of a server's
PARKED = 1  # the port of a server that is to be removed
BUSY = "Server still has connections"


class Drainer:
    """What leaves HAProxy.

    Args:
        most: seconds after which the sessions left on a draining server are cut.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._drains = Drains()
        self._counted = 0.0
        self._former: dict[Cli, dict[Name, int]] = {}  # HAProxys that were taken over from, and what they still serve

    def pause(self, actual: Actual) -> float:
        """Seconds until the next count is due; 0 when nothing is on its way out."""
        if self._drains.fresh(actual):
            return QUICK
        return COUNT if self._drains.servers or any(self._former.values()) else 0.0

    def keep(self, cli: Cli) -> None:
        """Go on counting in the HAProxy behind ``cli``, which another one has taken over from."""
        self._former[cli] = {}

    def keeps(self, cli: Cli) -> bool:
        """Whether ``cli`` is needed still."""
        return cli in self._former

    def counts(self) -> dict[str, int]:
        """Sessions left by instance id."""
        counts = self._drains.counts()
        for left in self._former.values():
            for (_, server), sessions in left.items():
                if sessions:
                    counts[server] = counts.get(server, 0) + sessions
        return counts

    async def count(self, cli: Cli, actual: Actual) -> None:
        """Count the sessions of what began to leave, and from time to time those of all that still has some."""
        now = time.monotonic()
        names = self._drains.fresh(actual)
        if now - self._counted >= COUNT:
            self._counted, names = now, names | self._drains.busy()
        if names:
            self._drains.update(actual, await edge.sessions(cli, names), now)
        for former in [each for each in self._former if each.lost]:
            del self._former[former]
        for former, left in self._former.items():
            wanted = {*names, *(name for name, sessions in left.items() if sessions)}
            back = {name for name in wanted if name not in actual.leaving and _serves(actual, name)}
            try:
                self._former[former] = await edge.sessions(former, wanted - back) if wanted - back else {}
            except Unavailable:
                former.close()

    async def remove(self, cli: Cli, actual: Actual, folder: str) -> bool:
        """Delete servers that have drained, cut those that took too long; whether anything else went wrong."""
        now = time.monotonic()
        overdue = self._drains.overdue(now, self._most)
        if overdue:
            log.warning("sessions cut after draining too long", servers=[name for _, name in overdue])
            await cli.run([f"shutdown sessions server {at}/{name}" for at, name in overdue])
        names = self._drains.removable(now)
        if not names:
            return False
        # HAProxy keeps idle connections to a server, and lets go of them when its address changes.
        parked = [Move(at, name, replace(actual.backends[at][name].endpoint, port=PARKED)) for at, name in names]
        await edge.carry_out(cli, parked, actual, folder)
        refused = await edge.carry_out(cli, [Remove(at, name) for at, name in names], actual, folder)
        self._drains.forget(actual)
        return any(not answer.startswith(BUSY) for _, answer in refused)


def _serves(actual: Actual, name: Name) -> bool:
    server = actual.backends.get(name[0], {}).get(name[1])
    return server is not None and server.mode == "ready"
