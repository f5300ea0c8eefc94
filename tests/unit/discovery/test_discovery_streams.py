"""What watchers are told, what is kept for those who come back, what is kept on disk."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from grille.discovery import history
from grille.discovery.catalog import Catalog, Change, Led
from grille.discovery.frames import current, frame_of, resync, state
from grille.discovery.history import History
from grille.discovery.journal import Gone, Item, Journal
from grille.discovery.members import Registered
from grille.discovery.query import Filter
from grille.discovery.seats import Seats, TooMany
from grille.discovery.snapshot import Snapshot
from grille.store import Entry
from grille.wire.specs import Instance

ZONE = Filter(metadata=(("zone", "a"),))


def registered(ident: str = "one", zone: str = "a", port: int = 80) -> Registered:
    one = Instance(id=ident, service="web", address="10.0.0.1", port=port, created=1.0, metadata={"zone": zone})
    return Registered(one, 1)


def change(revision: int, ident: str = "one") -> Change:
    return Change("web", None, registered(ident), revision)


def test_filtered_watchers_see_instances_come_and_go_as_they_change() -> None:
    here, there = registered(), registered(zone="b")
    steps = ((None, there), (there, here), (here, registered(port=81)), (here, there), (there, None))
    told = [frame_of(Change("web", before, after, 7), ZONE, one=True) for before, after in steps]
    assert [frame.split(b"\n")[0] for frame in told] == [b"", b"event: up", b"event: update", b"event: down", b""]
    assert b"\nid: 7\n" in told[1]


def test_leaders_are_told_with_their_service_to_those_who_watch_all() -> None:
    led = Led("web", None, 3)
    assert frame_of(led, Filter(), one=True) == b"event: leader\nid: 3\ndata: null\n\n"
    assert frame_of(led, Filter(), one=False).endswith(b'data: {"service":"web","leader":null}\n\n')
    assert b"\nid: 0\n" in frame_of(led, Filter(), one=True, ident="0")


def test_a_state_has_an_id_only_when_it_is_complete() -> None:
    many = [registered(f"i{number}") for number in range(2000)]
    pieces = list(state(many))
    assert len(pieces) > 3
    assert b"".join(pieces).count(b"event: up\n") == 2000
    assert b"\nid:" not in b"".join(pieces)
    ending = current(Catalog(), ["web"], 2000, "5", one=True)
    assert ending.startswith(b"event: current\nid: 5\n")
    assert b"\nid: 0\n" in resync("web")


def test_history_since_a_revision_includes_it() -> None:
    kept = History()
    kept.forget(4)
    kept.add([change(5), change(7, "a"), change(7, "b"), change(9)])
    assert [each.revision for each in kept.since(7) or []] == [7, 7, 9]
    assert kept.since(10) == []
    assert kept.since(4) is None, "changes at 4 were not all seen"
    assert len(kept.since(5) or []) == 4


def test_history_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST", 3)
    kept = History()
    start = kept.position
    kept.add([change(number) for number in range(1, 6)])
    assert kept.after(start) is None
    assert [each.revision for each in kept.after(start + 2) or []] == [3, 4, 5]
    assert kept.after(kept.position) == []
    assert kept.since(2) is None
    assert len(kept.since(3) or []) == 3
    monkeypatch.setattr(history, "BYTES_MOST", 1)
    kept.add([change(6)])
    assert kept.since(6) is None


def test_seats() -> None:
    seats = Seats(3, 2)
    with seats.one("a"), seats.one("a"):
        with pytest.raises(TooMany, match="a has 2"), seats.one("a"):
            pass
        with seats.one("b"), pytest.raises(TooMany, match="3 connections"), seats.one("c"):
            pass
        with seats.one("c"):
            pass
    with seats.one("a"):
        pass


def test_the_journal_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "pending.json"
    one, two = (Item(instance=registered(ident).instance, ttl=5.0, expect=3) for ident in ("one", "two"))
    journal = Journal(path)
    assert journal.load() == []
    for entry in (one, two, Gone("web", "one")):
        journal.add(entry)
    with path.open("ab") as file:
        file.write(b'{"item": {"instance"')
    assert Journal(path).load() == [two]
    for number in range(3000):
        journal.add(Item(instance=registered(port=number + 1).instance, ttl=5.0, expect=3))
    assert len(path.read_bytes().splitlines()) < 2000, "it does not grow with every change"
    journal.clear()
    assert Journal(path).load() == []


def test_the_snapshot_says_how_old_it_is(tmp_path: Path) -> None:
    entry = Entry("services/web/one", json.dumps({"a": 1}).encode(), 3, 4, 2, 99)
    Snapshot(tmp_path).save(7, [entry], 100.0)
    saved = Snapshot(tmp_path).load()
    assert saved is not None
    assert (saved.revision, saved.entries) == (7, {entry.key: entry})
    assert 99 < saved.age() < 110
    snapshot = Snapshot(tmp_path)
    snapshot.save(8, [], 0.0)
    snapshot.save(8, [entry], 50.0)
    again = snapshot.load()
    assert again is not None
    assert again.entries == {}, "the revision is the same: nothing was written"
    assert abs(time.time() - 50 - again.at) < 5
    (tmp_path / "snapshot.json").write_bytes(b"{")
    assert Snapshot(tmp_path).load() is None
