"""The store hurt while the app is asked: each member in turn, then the quorum for a while."""

from __future__ import annotations

import os
import time
from itertools import pairwise

import pytest

from tests.grid.hosts.conftest import COUNT
from tests.grid.hosts.rig import HOSTS, Grid, failures, report, until
from tests.support.load import Load

OUTAGE = float(os.environ.get("GRILLE_TEST_OUTAGE", "60"))  # seconds without a quorum
FAILOVER = (
    5.0  # seconds that a write may take while a member is silent: a client's timeout, an election, a busy machine
)
REAPER = 35.0  # seconds after which a host or lease that seemed dead would have been acted on
LOST = (2, 3)


def _register(grid: Grid, number: int, ident: str, ttl: int = 600) -> tuple[int, dict[str, object]]:
    url = f"{grid.discoverd(number)}/services/t-outage/instances/{ident}"
    return grid.call(url, "PUT", {"address": grid.lab.host(number).address, "port": 9, "ttl": ttl}, timeout=15)


def _forget(grid: Grid, *idents: str) -> None:
    for ident in idents:
        grid.call(f"{grid.discoverd(1)}/services/t-outage/instances/{ident}", "DELETE")


def _found(grid: Grid, number: int) -> set[str]:
    return {one["id"] for one in grid.find(number, "t-outage").get("instances", [])}


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_each_member_in_turn(grid: Grid, app: str, how: str) -> None:
    idents, slowest = [], 0.0
    with grid.load(app, *HOSTS) as loads:
        for victim in HOSTS:
            grid.sh(victim, "docker kill grille-etcd" if how == "killed" else "docker pause grille-etcd")
            try:
                for number in HOSTS:
                    idents.append(f"{how}-{victim}-{number}")
                    start = time.monotonic()
                    until("a registration is taken", lambda n=number: _register(grid, n, idents[-1])[0] in (200, 201))
                    slowest = max(slowest, time.monotonic() - start)
                for number in HOSTS:
                    until(f"{number} finds it", lambda n=number: set(idents) <= _found(grid, n), 15)
            finally:
                if how == "frozen":
                    grid.sh(victim, "docker unpause grille-etcd")
            until("the member is back", lambda v=victim: grid.member_is_well(v), 30)
    _forget(grid, *idents)
    report(f"each member {how} in turn; slowest registration {slowest:.2f} s", loads)
    assert failures(loads) == 0
    assert slowest < FAILOVER


class Outage:
    """What was seen while the store had no quorum, and after it."""

    def __init__(self, grid: Grid, app: str) -> None:
        self.grid, self.app = grid, app
        self.stale: set[int] = set()
        self.oldest = 0.0
        self.fewest = COUNT
        self.addresses = len(grid.resolve(1, f"{app}-web"))

    def look(self) -> None:
        """Ask discoverd on each host once."""
        for number in HOSTS:
            found = self.grid.find(number, f"{self.app}-web")
            self.fewest = min(self.fewest, len(found["instances"]))
            self.oldest = max(self.oldest, found["age"])
            if found["stale"]:
                self.stale.add(number)
            assert len(self.grid.resolve(number, f"{self.app}-web")) == self.addresses == COUNT

    def watch(self, seconds: float) -> None:
        """Look again and again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(0.5)


def _without_quorum(grid: Grid, seen: Outage) -> list[str]:
    """The outage itself; what was registered in it."""
    grid.sh(LOST[0], "docker pause grille-etcd")
    grid.sh(LOST[1], "docker pause grille-etcd")
    try:
        seen.watch(20)
        assert seen.stale == set(HOSTS)
        idents = [f"outage-{number}" for number in HOSTS]
        for number, ident in zip(HOSTS, idents, strict=True):
            status, answer = _register(grid, number, ident)
            assert (status, answer["pending"]) == (202, True), answer
        seen.watch(OUTAGE - 20)
        assert all(grid.find(number, f"{seen.app}-web")["stale"] for number in HOSTS)
    finally:
        for number in LOST:
            grid.sh(number, "docker unpause grille-etcd")
    return idents


def test_quorum_lost_for_a_while(grid: Grid, app: str) -> None:
    before, seen = grid.containers(app), Outage(grid, app)
    with grid.load(app, *HOSTS, rate=10) as loads:
        idents = _without_quorum(grid, seen)
        for number in HOSTS:
            until(f"{number} finds what was registered", lambda n=number: set(idents) <= _found(grid, n), 30)
            until(f"{number} hears the store", lambda n=number: not grid.find(n, f"{app}-web")["stale"], 30)
        seen.watch(REAPER)
    _forget(grid, *idents)
    report(f"no quorum for {OUTAGE:.0f} s; finds were up to {seen.oldest:.0f} s old", loads)
    assert failures(loads) == 0
    assert _longest_silence(loads) < 2
    assert seen.oldest > OUTAGE - 20
    assert seen.fewest == COUNT, "an instance was reaped because the store was away"
    assert grid.containers(app) == before, "a container was replaced because the store was away"


def _longest_silence(loads: dict[int, Load]) -> float:
    """The longest time between two answers of one router."""
    longest = 0.0
    for load in loads.values():
        ends = sorted(start + seconds for start, seconds, _ in load.answered)
        longest = max([longest, *(after - before for before, after in pairwise(ends))])
    return longest
