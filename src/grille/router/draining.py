"""What is kept in mind between two turns: how long services have had no server, and how servers drain. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .model import Actual, Desired
from .pool import WAIT

HOLD = 15.0  # seconds that requests may find the placeholder after a service's last server went
SETTLE = 0.25  # seconds without a session before a server is removed; also the pause before a second try
SLOWEST = 2.0  # seconds between two tries at most: each try stops all of HAProxy's threads for a moment

Name = tuple[str, str]  # backend, server


class Holds:
    """Services that lost their last server a short while ago and are still routed."""

    def __init__(self, hold: float = HOLD) -> None:
        self._hold = hold
        self._since: dict[str, float] = {}

    def update(self, desired: Desired, actual: Actual, now: float) -> set[str]:
        """The services whose requests wait now (``now``: monotonic seconds)."""
        empty = {name for name in actual.services if name in desired.services and not desired.services[name].servers}
        self._since = {name: self._since.get(name, now) for name in empty}
        return {name for name, since in self._since.items() if now - since < self._hold}


@dataclass
class Drained:
    """One server on its way out: since when, when to try to remove it, and the pause before the try after that."""

    since: float
    sessions: int = 0
    next_try: float = 0.0
    pause: float = SETTLE


class Drains:
    """The servers on their way out."""

    def __init__(self) -> None:
        self.servers: dict[Name, Drained] = {}

    def update(self, actual: Actual, sessions: Mapping[Name, int], now: float) -> None:
        """Take in the present sessions of the servers that ``leaving`` names."""
        known, self.servers = self.servers, {}
        for name in leaving(actual):
            drained = known.get(name) or Drained(now)
            drained.sessions = sessions.get(name, 0)
            if drained.sessions:
                drained.next_try, drained.pause = 0.0, SETTLE
            elif not drained.next_try:
                drained.next_try = now + SETTLE
            self.servers[name] = drained

    def counts(self) -> dict[str, int]:
        """Sessions by instance id, over all backends that it is leaving."""
        counts: dict[str, int] = {}
        for (_, server), drained in self.servers.items():
            counts[server] = counts.get(server, 0) + drained.sessions
        return dict(sorted(counts.items()))

    def removable(self, now: float) -> list[Name]:
        """Servers to try to remove now; the next try of each is put off, further each time."""
        due = [name for name, drained in self.servers.items() if drained.next_try and now >= drained.next_try]
        for name in due:
            drained = self.servers[name]
            drained.next_try, drained.pause = now + drained.pause, min(SLOWEST, drained.pause * 2)
        return due

    def overdue(self, now: float, most: float) -> list[Name]:
        """Servers that still have sessions after ``most`` seconds of draining."""
        return [name for name, each in self.servers.items() if each.sessions and now - each.since >= most]


def leaving(actual: Actual) -> list[Name]:
    """The servers that HAProxy holds but sends nothing to."""
    return [
        (at, name)
        for at, servers in actual.backends.items()
        for name, server in servers.items()
        if name != WAIT and server.mode != "ready"
    ]
