"""The static list of etcd members, and which of them to turn to: no I/O."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(eq=False)
class Member:
    """One member. Times are monotonic seconds, 0: never."""

    url: str
    heard: float = 0.0
    failed: float = 0.0

    def hear(self) -> None:
        """Something came from it."""
        self.heard = time.monotonic()


class Members:
    """The members; ``present`` is the one that requests go to first.

    Args:
        endpoints: their client URLs, at least one.
    """

    def __init__(self, endpoints: Sequence[str]) -> None:
        if not endpoints:
            raise ValueError("no etcd endpoints")
        self._ring = [Member(url.rstrip("/")) for url in endpoints]
        self.present = self._ring[0]

    def order(self) -> list[Member]:
        """The present member, then the others: those that failed longest ago first, each else in the list's order."""
        at = self._ring.index(self.present)
        others = self._ring[at + 1 :] + self._ring[:at]
        return [self.present, *sorted(others, key=lambda member: member.failed)]

    def fail(self, member: Member) -> None:
        """``member`` did not do its work: if it is the present one, turn to the next."""
        member.failed = time.monotonic()
        if member is self.present:
            self.present = self.order()[1] if len(self._ring) > 1 else member
