"""What the access log's lines of a short while say of each app: how many, how fast, how many failed. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from .line import Facts

QUANTILES = (0.5, 0.9, 0.99)
SECONDS = 60.0  # how far a window reaches back, if the ring's lines do


@dataclass
class Sample:
    """Requests of one app or backend; durations in ms, of those that an instance answered or should have."""

    requests: int = 0
    errors: int = 0
    durations: list[int] = field(default_factory=list)

    def quantiles(self) -> dict[float, float]:
        """Seconds by QUANTILES; empty when no duration is known."""
        ordered = sorted(self.durations)
        return {share: quantile(ordered, share) / 1000 for share in QUANTILES} if ordered else {}


@dataclass(frozen=True)
class Window:
    """Samples by app (or whatever ``by`` gave), and the ``seconds`` that they are of."""

    seconds: float
    samples: dict[str, Sample]


def quantile(ordered: Sequence[int], share: float) -> int:
    """The smallest of ``ordered`` (ascending, not empty) that at least ``share`` of them do not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def window(found: Iterable[Facts], now: float, by: Callable[[Facts], str], most: float = SECONDS) -> Window:
    """The samples of the last ``most`` seconds before ``now``, or of as many as the oldest line is old."""
    samples: dict[str, Sample] = {}
    oldest = now
    for one in found:
        oldest = min(oldest, one.time)
        if one.time < now - most:
            continue
        sample = samples.setdefault(by(one), Sample())
        sample.requests += 1
        sample.errors += one.failed
        if one.duration >= 0:
            sample.durations.append(one.duration)
    return Window(min(most, max(1.0, now - oldest)), samples)
