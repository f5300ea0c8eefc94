"""When a certificate is ordered, renewed, tried again: pure. Times are seconds since the epoch."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace

from ...wire.routing import Certificate

RENEW = 2 / 3  # of the lifetime
JITTER = 1 / 30  # of the lifetime, earlier
PAUSES = (60.0, 300.0, 1800.0, 7200.0, 21600.0)  # seconds after a failure, the last one again and again


def renewal(record: Certificate) -> float:
    """When a valid certificate is renewed: spread, so that many made at once are not renewed at once."""
    life = record.not_after - record.not_before
    share = zlib.crc32(f"{record.id}/{record.fingerprint}".encode()) / 2**32
    return record.not_before + life * (RENEW - JITTER * share)


def due_at(record: Certificate) -> float | None:
    """When ACME is to be asked for ``record``; None: never, it was given."""
    if record.source != "acme":
        return None
    if record.state == "valid" and record.chain:
        return max(renewal(record), record.next_try)
    return record.next_try


def due(records: Iterable[Certificate], now: float) -> list[Certificate]:
    """What is to be ordered at ``now``: what has no certificate yet first, then what expires soonest."""
    mine = [record for record in records if (at := due_at(record)) is not None and at <= now]
    return sorted(mine, key=lambda record: (record.not_after, record.created, record.id))


def next_due(records: Iterable[Certificate]) -> float | None:
    """When something is due next; None: never."""
    return min((at for record in records if (at := due_at(record)) is not None), default=None)


def failed(record: Certificate, reason: str, now: float, *, least: float = 0.0) -> Certificate:
    """``record`` after an attempt that failed; a chain that it has stays in use.

    Args:
        least: seconds that the server wants to be left alone for.
    """
    pause = PAUSES[min(record.attempts, len(PAUSES) - 1)]
    good = record.state == "valid" and record.chain and now < record.not_after
    return replace(
        record,
        state="valid" if good else "failed",
        reason=reason[:500],
        attempts=record.attempts + 1,
        next_try=now + max(pause, least),
    )
