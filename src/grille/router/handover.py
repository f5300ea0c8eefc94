"""When what is fixed at HAProxy's start no longer fits: another one takes over, planned. ``needed`` is pure.

The daemon writes the state with the new structure, and asks HAProxy's supervisor over its socket (one JSON line each
way) to start a HAProxy with it, which takes the listening sockets over; the former one ends with its last session.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import structlog

from . import variant
from .model import Actual
from .pool import class_of
from .saved import Structure

log = structlog.get_logger()
SOCKET = "supervisor.sock"
TIMEOUT = 30.0  # seconds that the supervisor has
AGAIN, RETRY = 10.0, 60.0  # seconds after a hand-over, or one that failed, before the next
FULL = 0.95  # the part of a pool in use above which it is made larger
GROWTH = 2
MOST_DROPPED = 5000  # about 100 MiB


def structure_of(actual: Actual, known: Structure) -> Structure:
    """The structure of the HAProxy that holds ``actual``."""
    return replace(known, pools=dict(sorted(Counter(class_of(at) for at in actual.backends).items())))


def needed(
    present: Structure, used: Iterable[str], unplaced: Iterable[str], passthrough: bool, dropped: int = 0
) -> tuple[Structure, str]:
    """The structure that the grid needs, and why it is another one; no reason: the present one does.

    Args:
        used: backends in use. unplaced: variants that found none. passthrough: whether any route needs that.
        dropped: certificates that HAProxy was told to forget.
    """
    counts = Counter(class_of(at) for at in used)
    missing = Counter(variant.parse(name).pool for name in unplaced)
    pools, reasons = dict(present.pools), []
    for name, size in present.pools.items():
        most = counts[name] + missing[name]
        if missing[name] or most > size * FULL:
            pools[name] = max(size, most) * GROWTH
            reasons.append(f"pool {name}: {most} of {size} backends wanted, {pools[name]} from now on")
    if passthrough and not present.passthrough:
        reasons.append("the first route that passes TLS through")
    if dropped >= MOST_DROPPED:
        reasons.append(f"{dropped} certificates were removed, whose memory HAProxy gives back only when it ends")
    return Structure(pools, present.passthrough or passthrough), "; ".join(reasons)


class Handovers:
    """Asks the supervisor. ``count``: how often another HAProxy took over; ``reason``: why it last did."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / SOCKET
        self._next = 0.0
        self.count, self.reason = 0, ""

    def due(self) -> bool:
        """Whether enough time has passed since the last try."""
        return time.monotonic() >= self._next

    async def ask(self, reason: str) -> bool:
        """Have another HAProxy take over; whether one did."""
        self._next = time.monotonic() + RETRY
        log.warning("hand-over to another HAProxy", reason=reason)
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await _exchange(self._socket, {"do": "handover", "reason": reason, "keep": True})
        except (OSError, TimeoutError, ValueError) as error:
            answer = {"ok": False, "error": str(error) or f"no answer in {TIMEOUT:g} s"}
        if not answer.get("ok"):
            log.error("no hand-over", error=answer.get("error"), remedy="see docker logs grille-haproxy")
            return False
        self._next = time.monotonic() + AGAIN
        self.count, self.reason = self.count + 1, reason
        log.info("hand-over done", pid=answer.get("pid"), seconds=answer.get("seconds"))
        return True


async def _exchange(socket: Path, question: dict[str, object]) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        await writer.drain()
        answer = json.loads(await reader.readline() or b"{}")
        return answer if isinstance(answer, dict) else {}
    finally:
        writer.close()
