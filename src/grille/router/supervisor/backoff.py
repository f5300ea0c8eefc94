"""How long to wait before HAProxy is started again."""

from __future__ import annotations

FIRST, MOST = 0.1, 5.0  # seconds
STEADY = 10.0  # seconds of life after which a death is the first again


class Backoff:
    """No pause after the first death, then FIRST, doubled each time up to MOST."""

    def __init__(self) -> None:
        self._next = 0.0

    def after(self, lived: float) -> float:
        """The pause after one that lived for ``lived`` seconds."""
        pause = 0.0 if lived >= STEADY else self._next
        self._next = min(MOST, max(FIRST, pause * 2))
        return pause
