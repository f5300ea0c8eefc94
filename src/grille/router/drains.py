"""How servers drain, as far as it is kept in mind between two turns. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .model import Actual, Name

LOOKS = 2  # counts of a server's sessions before none means none
SETTLE = 0.25  # seconds without a session before a server is removed; also the pause before a second try
SLOWEST = 2.0  # seconds between two tries at most: each try stops all of HAProxy's threads for a moment


@dataclass
class Drained:
    """One server on its way out: since when, when to try to remove it, and the pause before the try after that."""

    since: float
    sessions: int = 0
    looks: int = 0
    next_try: float = 0.0
    pause: float = SETTLE


class Drains:
    """The servers on their way out."""

    def __init__(self) -> None:
        self.servers: dict[Name, Drained] = {}

    def fresh(self, actual: Actual) -> set[Name]:
        """The servers that leave and whose sessions were not counted LOOKS times yet."""
        self.forget(actual)
        seen = {name for name, each in self.servers.items() if each.looks >= LOOKS}
        return actual.leaving - seen

    def busy(self) -> set[Name]:
        """Those that have sessions, or that HAProxy would not remove: no other gets any more."""
        return {name for name, each in self.servers.items() if each.sessions or each.pause > SETTLE}

    def forget(self, actual: Actual) -> None:
        """Leave out what is gone, or back."""
        for name in self.servers.keys() - actual.leaving:
            del self.servers[name]

    def update(self, actual: Actual, sessions: Mapping[Name, int], now: float) -> None:
        """Take in the present sessions of the servers counted."""
        for name in actual.leaving & sessions.keys():
            drained = self.servers.setdefault(name, Drained(now))
            drained.sessions, drained.looks = sessions[name], drained.looks + 1
            if drained.sessions:
                drained.next_try, drained.pause = 0.0, SETTLE
            elif not drained.next_try:
                drained.next_try = now + SETTLE

    def counts(self) -> dict[str, int]:
        """Sessions by instance id, over all backends that it is leaving.

        Before the last of LOOKS it is one at least: a request may have been on its way to the server.
        """
        counts: dict[str, int] = {}
        for (_, server), drained in self.servers.items():
            least = int(drained.looks < LOOKS)
            counts[server] = counts.get(server, 0) + max(least, drained.sessions)
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
