"""Since when hosts are away, as this controller saw it."""

from __future__ import annotations

from collections.abc import Collection


class Absence:
    """Remembers when each host that has jobs was first seen without a status."""

    def __init__(self) -> None:
        self.since: dict[str, float] = {}

    def forget(self) -> None:
        """Begin anew: this controller did not lead or was cut off itself, so it has seen nothing."""
        self.since = {}

    def update(self, with_jobs: Collection[str], live: Collection[str], now: float) -> None:
        """Take in which hosts have jobs and which have a status at ``now``."""
        gone = set(with_jobs) - set(live)
        self.since = {host: self.since.get(host, now) for host in gone}
