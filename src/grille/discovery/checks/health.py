"""How the answers of checks add up to "passing" or not, and when the next one is due. Pure.

A thing that stops is out within ``interval`` times ``threshold``, whatever the moment: from one failure on, and always
with a threshold of 1, checks come at half the interval, and none takes longer than two fifths of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...wire.discovery import Outside, OutsideCheck
from ...wire.specs import Instance

TIMEOUT_SHARE = 0.4  # of the interval; what is left to a half is the time to write the outcome


@dataclass(frozen=True)
class Health:
    """What checks have found. ``since`` is when ``passing`` became so, as far as this discoverd knows (Unix time).

    ``passing``: None until it is decided. ``reason``: of the last check, empty when it passed. ``failures``: in a row.
    """

    passing: bool | None = None
    since: float = 0.0
    reason: str = ""
    failures: int = 0


def initial(record: Outside, standing: Instance | None, now: float) -> Health:
    """Where to begin with ``record`` when the store has ``standing`` for it: what stands is believed to be well.

    What stands at another address is not what is registered: the first check decides, either way.
    """
    if standing is None:
        return Health(since=now)
    if target(standing) == target(record.instance):
        return Health(passing=True, since=now)
    return Health(since=now, failures=record.check.threshold - 1)


def target(instance: Instance) -> tuple[str, int]:
    """What a check is about."""
    return instance.address, instance.port


def after(health: Health, reason: str, threshold: int, now: float) -> Health:
    """``health`` after one more check: it passed (no ``reason``), or failed."""
    if not reason:
        return Health(passing=True, since=health.since if health.passing else now)
    failures = health.failures + 1
    if health.passing is False or failures < threshold:
        return replace(health, reason=reason, failures=failures)
    return Health(passing=False, since=now, reason=reason, failures=failures)


def pause(health: Health, check: OutsideCheck) -> float:
    """Seconds from the beginning of a check to the beginning of the next."""
    undecided = health.passing is not False and health.failures > 0
    hurried = undecided or (health.passing is not False and check.threshold == 1)
    return check.interval / 2 if hurried else check.interval


def timeout(check: OutsideCheck) -> float:
    """Seconds that one check may take."""
    return min(check.timeout, check.interval * TIMEOUT_SHARE)
