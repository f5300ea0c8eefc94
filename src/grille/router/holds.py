"""How long variants have had no server, kept in mind between two turns. No I/O."""

from __future__ import annotations

from .model import Actual, Slice

HOLD = 15.0  # seconds that requests may wait at a backend after its last server went


class Holds:
    """Variants that lost their last server a short while ago and are still routed."""

    def __init__(self, hold: float = HOLD) -> None:
        self._hold = hold
        self._since: dict[str, float] = {}

    def update(self, wanted: Slice, actual: Actual, now: float) -> set[str]:
        """The variants whose requests wait now (``now``: monotonic seconds), ``wanted`` taken into account."""
        for name, servers in wanted.variants.items():
            if servers is not None and not servers and name in actual.services:
                self._since.setdefault(name, now)
            else:
                self._since.pop(name, None)
        return {name for name, since in self._since.items() if now - since < self._hold}

    def due(self, now: float) -> list[str]:
        """The variants whose time is over."""
        return [name for name, since in self._since.items() if now - since >= self._hold]

    def __bool__(self) -> bool:
        """Whether any variant is held."""
        return bool(self._since)
