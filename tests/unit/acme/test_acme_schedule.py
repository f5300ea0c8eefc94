"""When certificates are ordered, renewed and tried again."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from grille.router.acme import schedule
from grille.wire.routing import Certificate

DAY = 86400.0
NEW = Certificate(id="a", domains=["a.test"], created=1.0, source="acme", state="pending")
GOOD = replace(NEW, state="valid", chain="pem", fingerprint="f", not_before=0.0, not_after=90 * DAY)


@given(st.text(max_size=8), st.floats(1, 400))
def test_renewed_at_two_thirds_of_the_lifetime_or_a_little_before(fingerprint: str, days: float) -> None:
    at = schedule.renewal(replace(GOOD, fingerprint=fingerprint, not_after=days * DAY))
    assert days * DAY * (2 / 3 - 1 / 30) <= at <= days * DAY * 2 / 3


def test_many_made_at_once_are_not_renewed_at_once() -> None:
    times = sorted(schedule.renewal(replace(GOOD, id=f"c{number}")) for number in range(100))
    assert times[90] - times[10] > DAY


def test_given_ones_are_never_due_and_new_ones_at_once() -> None:
    given_one = replace(GOOD, id="g", source="given")
    assert schedule.due([given_one, NEW], 1.0) == [NEW]
    assert schedule.next_due([given_one]) is None
    assert schedule.due([GOOD], 50 * DAY) == []
    assert schedule.due([GOOD], 60 * DAY) == [GOOD]
    assert schedule.next_due([GOOD, replace(NEW, next_try=5.0)]) == 5.0


def test_what_has_none_goes_before_what_is_renewed() -> None:
    assert schedule.due([GOOD, NEW], 80 * DAY) == [NEW, GOOD]


def test_pauses_grow_and_a_good_chain_stays() -> None:
    record, pauses = NEW, []
    for _ in range(7):
        record = schedule.failed(record, "no", 1000.0)
        pauses.append(record.next_try - 1000.0)
        assert (record.state, record.reason) == ("failed", "no")
        assert schedule.due([record], record.next_try - 1) == []
        assert schedule.due([record], record.next_try) == [record]
    assert pauses == [60, 300, 1800, 7200, 21600, 21600, 21600]
    assert schedule.failed(NEW, "rate", 0.0, least=3600.0).next_try == 3600.0
    renewing = schedule.failed(GOOD, "no", 70 * DAY)
    assert (renewing.state, renewing.chain) == ("valid", "pem")
    assert schedule.due_at(renewing) == 70 * DAY + 60
    assert schedule.failed(GOOD, "no", 91 * DAY).state == "failed"
