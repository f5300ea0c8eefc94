"""The catalogue, who leads, and what watchers are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from grille.codec import encode
from grille.discovery import watchers
from grille.discovery.catalog import Catalog, Change, Led
from grille.discovery.records import Filter
from grille.discovery.watchers import QUEUE_MOST, Hub, ServerEvent, Watcher
from grille.store import Entry, Event
from grille.wire.specs import Instance


def instance(ident: str, created: float = 1.0, port: int = 80, zone: str = "a") -> Instance:
    return Instance(id=ident, service="web", address="10.0.0.1", port=port, created=created, metadata={"zone": zone})


def put(one: Instance, revision: int, create: int = 0) -> Event:
    return Event("put", Entry(f"services/web/{one.id}", encode(one), create or revision, revision, 1))


def gone(ident: str, revision: int) -> Event:
    return Event("delete", Entry(f"services/web/{ident}", b"", 0, revision, 0))


def test_changes_and_leaders() -> None:
    catalog = Catalog()
    b, a = instance("b", 2.0), instance("a", 3.0)
    assert catalog.apply([put(b, 5)], 5) == [Change("web", None, b, 5), Led("web", b, 5)]
    assert catalog.apply([put(a, 6)], 6) == [Change("web", None, a, 6)]
    moved = instance("b", 2.0, port=81)
    assert catalog.apply([put(moved, 7, create=5)], 7) == [Change("web", b, moved, 7)]
    assert catalog.apply([put(moved, 8, create=5)], 8) == [], "written again, nothing changed"
    assert catalog.instances("web") == [moved, a]
    assert catalog.apply([gone("b", 9)], 9) == [Change("web", moved, None, 9), Led("web", a, 9)]
    assert catalog.apply([gone("a", 10)], 10) == [Change("web", a, None, 10), Led("web", None, 10)]
    assert catalog.apply([gone("a", 11)], 11) == []
    assert catalog.services() == []
    assert catalog.revision == 11


def test_leader_is_the_oldest_then_the_first_in_the_store() -> None:
    catalog = Catalog()
    catalog.apply([put(instance("a", 9.0), 2), put(instance("b", 5.0), 8), put(instance("c", 5.0), 7)], 8)
    leader = catalog.leader("web")
    assert leader is not None
    assert leader.id == "c"


def test_leader_events_come_once_a_batch_and_last() -> None:
    catalog = Catalog()
    changes = catalog.apply([put(instance("a", 3.0), 1), put(instance("b", 2.0), 2), put(instance("c", 1.0), 3)], 3)
    assert [type(change) for change in changes] == [Change, Change, Change, Led]


def test_values_that_are_no_instances_are_left_out() -> None:
    catalog = Catalog()
    catalog.apply([put(instance("a"), 1)], 1)
    broken = Event("put", Entry("services/web/a", b'{"id": 5}', 1, 2, 2))
    changes = catalog.apply([broken, Event("put", Entry("services/odd", b"x", 3, 3, 1))], 3)
    assert changes == [Change("web", instance("a"), None, 2), Led("web", None, 3)]
    assert catalog.services() == []


def test_filtered_watchers_see_instances_come_and_go_as_they_change() -> None:
    watcher = Watcher("web", Filter(metadata={"zone": "a"}))
    here, there = instance("one"), instance("one", zone="b")
    for before, after in ((None, there), (there, here), (here, instance("one", port=81)), (here, there), (there, None)):
        watcher.offer(Change("web", before, after, 1))
    assert [name for name, _, _ in watcher.queue] == ["up", "update", "down"]


async def take(stream: AsyncIterator[ServerEvent], count: int) -> list[ServerEvent]:
    return [await anext(stream) for _ in range(count)]


async def test_following() -> None:
    catalog, hub, watcher = Catalog(), Hub(), Watcher("web", Filter())
    hub.add(watcher)
    hub.publish(catalog.apply([put(instance("a"), 1)], 1))
    stream = watcher.follow(catalog)
    assert await take(stream, 3) == [
        ("up", instance("a"), "1"),
        ("current", {"revision": 1, "instances": 1}, "1"),
        ("leader", instance("a"), "1"),
    ]
    waiting = asyncio.create_task(take(stream, 2))
    await asyncio.sleep(0)
    hub.publish(catalog.apply([gone("a", 2)], 2))
    assert await waiting == [("down", instance("a"), "2"), ("leader", None, "2")]
    hub.remove(watcher)
    hub.publish(catalog.apply([put(instance("a"), 3)], 3))
    assert not watcher.queue


async def test_a_watcher_that_falls_behind_starts_over() -> None:
    catalog, hub, watcher = Catalog(), Hub(), Watcher("web", Filter())
    hub.add(watcher)
    stream = watcher.follow(catalog)
    assert [name for name, _, _ in await take(stream, 1)] == ["current"]
    for revision in range(1, QUEUE_MOST + 500):
        hub.publish(catalog.apply([put(instance("a", port=revision), revision, create=1)], revision))
        assert len(watcher.queue) <= QUEUE_MOST
    events = await take(stream, 4)
    assert [name for name, _, _ in events] == ["resync", "up", "current", "leader"]
    assert events[1][1] == instance("a", port=QUEUE_MOST + 499)
    hub.publish(catalog.apply([gone("a", 9999)], 9999))
    assert [name for name, _, _ in await take(stream, 2)] == ["down", "leader"]


async def test_silence_is_broken_by_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "ALIVE", 0.01)
    stream = Watcher("web", Filter()).follow(Catalog())
    assert [name for name, _, _ in await take(stream, 3)] == ["current", "", ""]
