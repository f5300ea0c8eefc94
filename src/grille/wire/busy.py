"""Who is busy: a row per variant of a service, as routers tell and the controller adds up. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .errors import InvalidValue

ORDERS = ("requests", "errors", "latency", "sessions")
MOST_ROUTES = 5  # named in one row


@dataclass(frozen=True, kw_only=True)
class Busy:
    """One variant of a service. Rates are a second, latencies seconds to the first byte of the answer.

    Args:
        errors: answers of 5xx and failed connections. bytes: both ways.
        servers: that take traffic. latency: by quantile (``0.5``, ``0.9``, ``0.99``); empty without requests.
        routes: ``host/path/`` of the first few that lead here, ``more`` counts the rest.
    """

    service: str
    variant: str = ""
    app: str = ""
    process: str = ""
    requests: float = 0.0
    errors: float = 0.0
    bytes: float = 0.0
    sessions: int = 0
    queue: int = 0
    servers: int = 0
    latency: dict[str, float] = field(default_factory=dict)
    routes: list[str] = field(default_factory=list)
    more: int = 0


def check_order(by: str) -> str:
    """``by`` if it is one of ORDERS; raises InvalidValue."""
    if by not in ORDERS:
        raise InvalidValue(f"by={by[:20]} is not valid", remedy=f"use one of {', '.join(ORDERS)}")
    return by


def ordered(found: Iterable[Busy], by: str, limit: int) -> list[Busy]:
    """The first ``limit`` of ``found``, the busiest first; ``by``: one of ORDERS."""
    return sorted(found, key=lambda one: (-_weight(one, by), one.service, one.variant))[:limit]


def added_up(rows: Iterable[Busy]) -> list[Busy]:
    """One row for all that are of one variant: sums, and of latencies and servers the worst and the most."""
    table: dict[tuple[str, str], Busy] = {}
    for row in rows:
        key = row.service, row.variant
        table[key] = _sum(table[key], row) if key in table else row
    return list(table.values())


def _weight(one: Busy, by: str) -> float:
    if by == "latency":
        return one.latency.get("0.99", -1.0)
    return float({"requests": one.requests, "errors": one.errors, "sessions": one.sessions}[by])


def _sum(one: Busy, other: Busy) -> Busy:
    shares = sorted({*one.latency, *other.latency})
    routes = sorted({*one.routes, *other.routes})[:MOST_ROUTES]
    every = max(len(one.routes) + one.more, len(other.routes) + other.more, len(routes))
    return Busy(
        service=one.service,
        variant=one.variant,
        app=one.app or other.app,
        process=one.process or other.process,
        requests=round(one.requests + other.requests, 2),
        errors=round(one.errors + other.errors, 2),
        bytes=round(one.bytes + other.bytes, 2),
        sessions=one.sessions + other.sessions,
        queue=one.queue + other.queue,
        servers=max(one.servers, other.servers),
        latency={share: max(one.latency.get(share, 0.0), other.latency.get(share, 0.0)) for share in shares},
        routes=routes,
        more=every - len(routes),
    )
