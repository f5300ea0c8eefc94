"""Counters that belong to variants and instances, made of counters that belong to backends and servers. Pure.

A backend is lent to one variant after another while HAProxy counts on, and a server that comes back counts from zero.
So differences between two looks are added up under the name of whoever had the backend. Totals never go back while
the daemon lives, over a restart of HAProxy too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..pool import WAIT
from ..stats import BACKEND, FRONTEND, SERVER, Row, number

CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
ANSWERS = tuple(f"hrsp_{code}" for code in CLASSES)
COUNTERS = ("stot", "bin", "bout", *ANSWERS, "econ", "eresp", "wretr", "wredis", "chkfail")
GAUGES = ("scur", "qcur", "act", "status", "check_status")
COLUMNS = ("pxname", "svname", "type", *COUNTERS, *GAUGES)
FREE = ""
MOST_GONE = 20_000  # totals kept of what is not there any more, in case it comes back

Counts = dict[str, int]
Key = tuple[str, str]  # a variant's name and "", or a variant's name and an instance's id; of frontends: "", its name


@dataclass
class _Seen:
    owner: Key | None  # None: nobody's
    raw: int  # sessions as HAProxy counts them: they go back only when it began anew
    counts: Counts


class Ledger:
    """The totals, brought up by each look."""

    def __init__(self) -> None:
        self.totals: dict[Key, Counts] = {}
        self._seen: dict[Key, _Seen] = {}
        self._life = ""

    def take(self, table: Iterable[Row], services: Mapping[str, str], life: str) -> dict[Key, Row]:
        """Add what was counted since the look before; the rows of what is in use now, by their owners.

        Args:
            table: rows of ``show stat`` with COLUMNS. services: variant to backend.
            life: another text for another process of HAProxy.
        """
        lent = {backend: variant for variant, backend in services.items()}
        by_place = {(row["pxname"], row["svname"]): row for row in table}
        held = {place[0]: row for place, row in by_place.items() if place[1] == WAIT}
        if life != self._life:
            self._seen, self._life = {}, life
        present: dict[Key, Row] = {}
        seen: dict[Key, _Seen] = {}
        for place, row in by_place.items():
            owner = _owner(row, lent)
            fresh = _Seen(owner, number(row, "stot"), _counts(row, held.get(place[0])))
            self._add(self._seen.get(place), fresh)
            seen[place] = fresh
            if owner is not None:
                present[owner] = row
        self._seen = seen
        self._forget(present)
        return present

    def _add(self, before: _Seen | None, now: _Seen) -> None:
        """Book the difference. Between two owners in turn it is nobody's: it cannot be told apart."""
        if before is not None and now.raw < before.raw:
            before = _Seen(now.owner, 0, {})
        if before is not None and before.owner and now.owner and before.owner != now.owner:
            return
        owner = now.owner or (before.owner if before is not None else None)
        if owner is None:
            return
        total = self.totals.setdefault(owner, dict.fromkeys(COUNTERS, 0))
        for name in COUNTERS:
            last = before.counts.get(name, 0) if before is not None else 0
            total[name] += max(0, now.counts[name] - last)
            now.counts[name] = max(now.counts[name], last)

    def _forget(self, present: Mapping[Key, Row]) -> None:
        gone = [key for key in self.totals if key not in present]
        for key in gone[: max(0, len(gone) - MOST_GONE)]:
            del self.totals[key]


def _owner(row: Row, lent: Mapping[str, str]) -> Key | None:
    """Who has what ``row`` counts; the placeholder server is nobody's."""
    if row["type"] == FRONTEND:
        return FREE, row["pxname"]
    variant = lent.get(row["pxname"])
    if variant is None or row["svname"] == WAIT:
        return None
    if row["type"] == BACKEND:
        return variant, ""
    return (variant, row["svname"]) if row["type"] == SERVER else None


def _counts(row: Row, held: Row | None) -> Counts:
    """The counters of ``row``. A backend's without the second pass of requests that were held and then answered:
    they come through the placeholder and then, from the frontend behind it, once more."""
    counts = {name: number(row, name) for name in COUNTERS}
    if held is None or row["type"] != BACKEND:
        return counts
    for name in ANSWERS[:-1]:  # a 5xx that came that way is mostly the end of the patience: it passed once
        passed = number(held, name)
        counts[name] = max(0, counts[name] - passed)
        counts["stot"] = max(0, counts["stot"] - passed)
    return counts
