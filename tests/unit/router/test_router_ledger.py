"""Counters by variant and instance: backends are lent, servers come back, HAProxy starts anew; totals only grow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grille.router.stats import Row
from grille.router.telling.ledger import COUNTERS, Ledger


def backend(name: str, stot: int, **columns: int) -> Row:
    return row(name, "BACKEND", "1", stot, **columns)


def server(at: str, name: str, stot: int, **columns: int) -> Row:
    return row(at, name, "2", stot, **columns)


def row(at: str, name: str, kind: str, stot: int, **columns: int) -> Row:
    return {"pxname": at, "svname": name, "type": kind, "stot": str(stot), **{k: str(v) for k, v in columns.items()}}


def requests(ledger: Ledger, variant: str, instance: str = "") -> int:
    return ledger.totals[variant, instance]["stot"]


def test_a_backend_that_was_free_between_two_services_counts_for_each_alone() -> None:
    ledger = Ledger()
    ledger.take([backend("http-00000", 10)], {"old-web": "http-00000"}, "1")
    ledger.take([backend("http-00000", 13)], {}, "1")
    ledger.take([backend("http-00000", 20)], {"new-web": "http-00000"}, "1")
    assert requests(ledger, "old-web") == 13  # the last three before it was given back are its own
    assert requests(ledger, "new-web") == 7
    ledger.take([backend("http-00000", 25)], {"third-web": "http-00000"}, "1")
    assert ("third-web", "") not in ledger.totals  # the five may be of either
    ledger.take([backend("http-00000", 26)], {"third-web": "http-00000"}, "1")
    assert requests(ledger, "third-web") == 1


def test_totals_go_on_over_a_restart_of_haproxy_and_over_counters_cleared_by_hand() -> None:
    ledger, services = Ledger(), {"web": "b"}
    ledger.take([backend("b", 10), server("b", "i", 10)], services, "pid 1")
    ledger.take([backend("b", 4), server("b", "i", 4)], services, "pid 2")
    assert requests(ledger, "web") == requests(ledger, "web", "i") == 14
    ledger.take([backend("b", 1), server("b", "i", 1)], services, "pid 2")
    assert requests(ledger, "web") == requests(ledger, "web", "i") == 15


def test_an_instance_that_comes_back_goes_on_where_it_was() -> None:
    ledger, services = Ledger(), {"web": "b"}
    ledger.take([server("b", "i", 10)], services, "1")
    ledger.take([], services, "1")
    present = ledger.take([server("b", "i", 3)], services, "1")
    assert requests(ledger, "web", "i") == 13
    assert list(present) == [("web", "i")]


def test_requests_that_waited_and_were_answered_count_once() -> None:
    ledger = Ledger()
    table = [backend("b", 12, hrsp_2xx=10, hrsp_5xx=2), server("b", "_wait", 5, hrsp_2xx=3, hrsp_5xx=2)]
    ledger.take(table, {"web": "b"}, "1")
    assert requests(ledger, "web") == 9
    assert ledger.totals["web", ""]["hrsp_2xx"] == 7
    assert ledger.totals["web", ""]["hrsp_5xx"] == 2
    assert ("web", "_wait") not in ledger.totals


def test_frontends_are_told_apart_from_services() -> None:
    ledger = Ledger()
    present = ledger.take([row("web", "FRONTEND", "0", 7), backend("exporter", 1)], {"web": "b"}, "1")
    assert list(present) == [("", "web")]


LOOKS = st.lists(
    st.tuples(st.sampled_from(["", "a", "b"]), st.integers(0, 50), st.integers(0, 9), st.sampled_from(["1", "2"])),
    max_size=30,
)


@given(LOOKS)
def test_totals_never_go_back(looks: list[tuple[str, int, int, str]]) -> None:
    ledger, before = Ledger(), {}
    for owner, stot, held, life in looks:
        table = [backend("x", stot, hrsp_2xx=stot), server("x", "_wait", held, hrsp_2xx=held), server("x", "i", stot)]
        ledger.take(table, {owner: "x"} if owner else {}, life)
        for key, counts in before.items():
            assert all(ledger.totals[key][name] >= counts[name] for name in COUNTERS)
        before = {key: dict(counts) for key, counts in ledger.totals.items()}
