"""Checks shared out among discoverds, and many of them at one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grille.codec import encode
from grille.store import Store
from grille.wire.discovery import Outside, OutsideCheck
from grille.wire.specs import Instance
from tests.services.discovery.checks.conftest import Start
from tests.services.discovery.checks.rig import Thing, found, put, state, until
from tests.support.daemon import Daemon

QUICK = {"interval": 1, "threshold": 2}
MANY = 1000


async def known(store: Store, *hosts: str) -> None:
    """What the agents of ``hosts`` would have registered: a discoverd on each, and none elsewhere."""
    for entry in (await store.list("services/discoverd/")).entries.values():
        await store.delete(entry.key)
    for host in hosts:
        instance = Instance(id=host, service="discoverd", address="10.0.0.1", port=7412, host=host, app="discoverd")
        await store.put(f"services/discoverd/{host}", encode(instance))


@pytest.fixture
def things() -> Iterator[list[Thing]]:
    """Six of them."""
    servers = [Thing().start() for _ in range(6)]
    yield servers
    for server in servers:
        server.close()


def shares(daemon: Daemon, count: int) -> list[str]:
    """By whom each of ``count`` things is checked."""
    return [state(daemon, f"t{number}")["checked_by"] for number in range(count)]


async def test_another_discoverd_takes_over_and_nothing_flaps(start: Start, store: Store, things: list[Thing]) -> None:
    await known(store, "h1", "h2")
    one, two = start("h1"), start("h2")
    for number, thing in enumerate(things):
        put(one, f"t{number}", thing.port, check=QUICK)
    every = [f"t{number}" for number in range(len(things))]
    until(lambda: sorted(found(one)) == every)
    assert shares(one, 6) == shares(two, 6)
    assert set(shares(one, 6)) == {"h1", "h2"}, "each has its part"
    before = (await store.list("services/db/")).entries
    one.kill()
    await known(store, "h2")
    until(lambda: set(shares(two, 6)) == {"h2"})
    time.sleep(2.5)
    assert (await store.list("services/db/")).entries == before, "nothing was written"
    for thing in things:
        thing.stop()
    assert until(lambda: found(two) == []) < 2
    assert {state(two, ident)["reason"] for ident in every} == {"connection refused"}
    one.start()
    await known(store, "h1", "h2")
    until(lambda: set(shares(two, 6)) == {"h1", "h2"})
    for thing in things:
        thing.start()
    until(lambda: sorted(found(two)) == every)


async def test_two_discoverds_write_each_change_once(start: Start, store: Store, things: list[Thing]) -> None:
    """Neither knows of the other, so both check everything: the guards keep the second one's writes out."""
    one, two = start("h1"), start("h2")
    for number, thing in enumerate(things):
        put(one, f"t{number}", thing.port, check=QUICK)
    until(lambda: len(found(one)) == len(found(two)) == 6)
    versions = {key: entry.version for key, entry in (await store.list("services/db/")).entries.items()}
    assert set(versions.values()) == {1}
    before = await store.revision()
    for thing in things:
        thing.stop()
    until(lambda: found(one) == found(two) == [])
    time.sleep(1)
    taken, put_in = (one.log.count(what) + two.log.count(what) for what in ("taken out", "put in"))
    assert taken == put_in  # a check may have been too slow for its time meanwhile, on a busy machine
    assert await store.revision() - before == taken + put_in - 6


async def test_one_that_is_asked_but_does_not_check(start: Start, store: Store, things: list[Thing]) -> None:
    await known(store, "h1")
    start("h1")
    two = start("h2")
    put(two, "t0", things[0].port, check=QUICK)
    until(lambda: bool(state(two, "t0")["passing"]))
    assert (state(two, "t0")["checked_by"], state(two, "t0")["since"]) == ("h1", None)
    things[0].stop()
    until(lambda: state(two, "t0")["passing"] is False)


def used(daemon: Daemon) -> float:
    """Seconds of processor time that it has used."""
    assert daemon.process
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def test_a_thousand_checks_are_cheap(start: Start, store: Store, things: list[Thing]) -> None:
    """At the default interval of 5 s they leave most of a processor free, and what hangs holds up nothing."""
    record = {"service": "db", "address": "127.0.0.1", "created": 1.0}
    for number in range(MANY):
        port = things[number % 5].port
        outside = Outside(instance=Instance(id=f"t{number}", port=port, **record), check=OutsideCheck())  # type: ignore[arg-type]
        await store.put(f"outside/db/t{number}", encode(outside))
    daemon = start("h1")
    until(lambda: len(found(daemon)) == MANY, 20)
    before, begun = used(daemon), await store.revision()
    time.sleep(10)
    assert (used(daemon) - before) / 10 < 0.5
    assert await store.revision() == begun, "nothing that stays as it is is written"
    assert daemon.memory() < 300e6
    for thing in things[:5]:
        thing.stop()
    assert until(lambda: found(daemon) == [], 20) < 15, "interval x threshold"


async def test_things_that_hang_hold_up_nothing(start: Start, store: Store, things: list[Thing]) -> None:
    things[0].freeze()
    daemon = start("h1")
    check = {"type": "http", "path": "/status", "interval": 5, "timeout": 2}
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda number: put(daemon, f"hang{number}", things[0].port, check=check), range(300))
        assert all(each["status"] == 201 for each in made)
    put(daemon, "t1", things[1].port, check=QUICK)
    until(lambda: found(daemon) == ["t1"])
    things[1].stop()
    assert until(lambda: found(daemon) == []) < 2


async def test_what_is_registered_at_one_is_listed_at_another(start: Start, store: Store, things: list[Thing]) -> None:
    await known(store, "h1", "h2")
    one, two = start("h1"), start("h2")
    for number in range(4):
        put(two, f"t{number}", things[0].port, check=QUICK)
    until(lambda: len(found(one)) == 4)
    listed = one.call("GET", "/services/db/outside", token="read").json["outside"]
    assert [each["outside"]["instance"]["id"] for each in listed] == ["t0", "t1", "t2", "t3"]
    assert one.call("GET", "/services/none/outside").json["outside"] == []
