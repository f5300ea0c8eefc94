"""The pure parts of checks: when to check, what follows, who checks, what is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from grille.codec import encode
from grille.discovery.checks.health import Health, after, initial, pause, timeout
from grille.discovery.checks.ownership import fraction, owner
from grille.discovery.checks.standing import change
from grille.store import Check, Delete, Entry, Put
from grille.wire.discovery import Outside, OutsideCheck
from grille.wire.specs import Instance

RECORD = Outside(
    instance=Instance(id="main", service="db", address="192.0.2.20", port=5432, protocol="tcp", created=1.0)
)
SOURCE = Entry("outside/db/main", encode(RECORD), 3, 7, 1)
KEY = "services/db/main"


def entry(instance: Instance, lease: int = 0) -> Entry:
    return Entry(KEY, encode(instance), 5, 9, 1, lease)


def out_after(check: OutsideCheck, phase: float, takes: float) -> float:
    """Seconds from the moment that a thing stops until it is out; checks take ``takes`` of their time from then on."""
    health, clock = Health(passing=True), pause(Health(passing=True), check) * (1 - phase)
    while True:
        spent = timeout(check) * takes
        health = after(health, "no answer", check.threshold, clock + spent)
        if health.passing is False:
            return clock + spent
        clock += pause(health, check)


@given(
    interval=some.floats(0.5, 3600),
    seconds=some.floats(0.05, 60),
    threshold=some.integers(1, 10),
    phase=some.floats(0, 1),
    takes=some.floats(0, 1),
)
def test_what_stops_is_out_within_interval_times_threshold(
    interval: float, seconds: float, threshold: int, phase: float, takes: float
) -> None:
    check = OutsideCheck(interval=interval, timeout=seconds, threshold=threshold)
    assert out_after(check, phase, takes) <= interval * threshold - 0.09 * interval, "with time left to write it"


@given(interval=some.floats(0.5, 3600), seconds=some.floats(0.05, 60), failures=some.integers(0, 9))
def test_a_check_ends_before_the_next_begins(interval: float, seconds: float, failures: int) -> None:
    check = OutsideCheck(interval=interval, timeout=seconds, threshold=10)
    assert timeout(check) < pause(Health(passing=True, failures=failures), check) <= interval


def test_how_checks_add_up() -> None:
    health = Health(since=1)
    health = after(health, "refused", 3, 2)
    assert (health.passing, health.reason, health.since) == (None, "refused", 1)
    health = after(health, "", 3, 3)
    assert health == Health(passing=True, since=3)
    health = after(after(health, "refused", 3, 4), "", 3, 5)
    assert health == Health(passing=True, since=3), "a pass forgets the failures before it"
    for now in (6, 7):
        health = after(health, "refused", 3, now)
        assert (health.passing, health.since) == (True, 3)
    health = after(after(health, "refused", 3, 8), "no answer", 3, 9)
    assert (health.passing, health.since, health.reason) == (False, 8, "no answer")
    assert after(health, "", 3, 10) == Health(passing=True, since=10), "one pass is enough"


def test_checks_hurry_while_it_is_undecided() -> None:
    check = OutsideCheck(interval=4, threshold=3)
    states = [Health(), Health(passing=True), Health(passing=True, failures=1), Health(failures=2)]
    assert [pause(state, check) for state in states] == [4, 4, 2, 2]
    assert pause(Health(passing=False, failures=5), check) == 4
    once = replace(check, threshold=1)
    assert [pause(Health(passing=passing), once) for passing in (True, False)] == [2, 4]
    assert timeout(replace(check, timeout=3)) == 1.6


def test_where_to_begin() -> None:
    assert initial(RECORD, None, 5) == Health(since=5)
    described = replace(RECORD.instance, metadata={"role": "primary"})
    assert initial(RECORD, described, 5).passing is True
    moved = initial(RECORD, replace(RECORD.instance, port=5433), 5)
    assert moved.passing is None
    assert after(moved, "refused", RECORD.check.threshold, 6).passing is False


KEYS = [f"outside/db/{number}" for number in range(3000)]


def test_shares_are_even_and_only_what_must_changes_hands() -> None:
    hosts = ["h1", "h2", "h3"]
    before = {key: owner(key, hosts, "h1") for key in KEYS}
    assert all(900 < share < 1100 for share in Counter(before.values()).values())
    assert before == {key: owner(key, reversed(hosts), "h3") for key in KEYS}, "all who ask agree"
    after_loss = {key: owner(key, ["h1", "h3"], "h1") for key in KEYS}
    assert all(after_loss[key] == before[key] for key in KEYS if before[key] != "h2")
    assert set(Counter(after_loss[key] for key in KEYS if before[key] == "h2")) == {"h1", "h3"}
    assert owner("outside/db/main", [], "here") == "here"
    assert 0.45 < sum(map(fraction, KEYS)) / len(KEYS) < 0.55


@pytest.mark.parametrize("passing", [True, False, None])
@pytest.mark.parametrize("held", [entry(replace(RECORD.instance, app="shop"), 5), entry(RECORD.instance, 5)])
def test_what_others_hold_is_not_written(passing: bool | None, held: Entry) -> None:
    assert change(SOURCE, RECORD, held, passing) is None


def test_what_is_written() -> None:
    there = [Check("outside/db/main", 7), Check(KEY, 9)]
    put = [Put(KEY, encode(RECORD.instance))]
    assert change(SOURCE, RECORD, None, True) == ([there[0], Check(KEY, 0)], put)
    assert change(SOURCE, RECORD, entry(RECORD.instance), True) is None
    assert change(SOURCE, RECORD, entry(replace(RECORD.instance, port=1)), True) == (there, put)
    assert change(SOURCE, RECORD, Entry(KEY, b"{", 5, 9, 1), True) == (there, put)
    assert change(SOURCE, RECORD, entry(RECORD.instance), False) == (there, [Delete(KEY)])
    assert change(SOURCE, RECORD, None, False) is None
    assert change(SOURCE, RECORD, entry(RECORD.instance), None) is None
