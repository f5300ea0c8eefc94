"""What the lines of the access log of a short while say of each app: how many, how fast, how many failed. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

QUANTILES = (0.5, 0.9, 0.99)


@dataclass
class Sample:
    """Requests of one app (or route): their durations in ms, and how many were answered with 5xx or not at all."""

    durations: list[int] = field(default_factory=list)
    errors: int = 0

    @property
    def requests(self) -> int:
        """How many requests there are."""
        return len(self.durations)

    def quantiles(self) -> dict[float, float]:
        """Seconds by QUANTILES; empty without a request."""
        ordered = sorted(self.durations)
        return {share: quantile(ordered, share) / 1000 for share in QUANTILES} if ordered else {}


@dataclass(frozen=True)
class Window:
    """The samples of the ``seconds`` that the ring's lines reach back, at most as long as was asked for."""

    seconds: float
    samples: dict[str, Sample]


def quantile(ordered: Sequence[int], share: float) -> int:
    """The smallest of ``ordered`` (ascending, not empty) that at least ``share`` of them do not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def window(facts: Iterable[tuple[float, str, int, bool]], now: float, most: float) -> Window:
    """The samples of the last ``most`` seconds before ``now``.

    Args:
        facts: time (seconds since the epoch), app, duration in ms (below 0: unknown, left out), whether it failed.
    """
    samples: dict[str, Sample] = {}
    oldest = now
    for time, app, duration, failed in facts:
        oldest = min(oldest, time)
        if not now - most <= time or duration < 0:
            continue
        sample = samples.setdefault(app, Sample())
        sample.durations.append(duration)
        sample.errors += failed
    return Window(min(most, max(1.0, now - oldest)), samples)
