"""What HAProxy comes back with, and how servers leave it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from grille.codec import decode, encode
from grille.router import saved
from grille.router.drains import SETTLE, Drains
from grille.router.holds import Holds
from grille.router.model import Actual, Endpoint, Server, Slice, Wanted
from grille.router.pool import WAIT
from grille.router.render import Options, configuration, maps
from grille.router.saved import Saved, Structure
from grille.wire.errors import InvalidValue

A = Endpoint("10.0.0.1", 5000)
AT, LEFT = ("http-00000", "i1"), ("http-00000", "i2")
WITHOUT, WITH_ONE = Slice({"web": {}}), Slice({"web": {"i1": Wanted(A)}})


def holding() -> Actual:
    servers = {WAIT: Server(Endpoint("-", 0), "ready"), "i1": Server(A, "ready", 7), "i2": Server(A, "maint")}
    actual = Actual(pid=1, backends={"http-00000": servers}, leaving={LEFT})
    actual.maps["routes"] = {"a.example/": "http-00000|web"}
    actual.maps["services"] = {"web~h2c": "http-00000"}
    return actual


def test_saved_state_comes_back_as_servers_and_maps() -> None:
    structure = Structure({"http": 2, "t300": 1})
    state = decode(Saved, encode(saved.of(holding(), structure, ["/data/certs/a.pem a.example"])))
    assert state.structure == structure
    options = Options(Path("/data"), https_port=0)
    text = configuration(options, state)
    assert "server i1 10.0.0.1:5000 check" in text
    assert " proto h2 weight 7\n" in text
    assert "i2" not in text
    assert "ssl crt" not in text
    assert text.count("\nbackend http-") == 2
    found = maps(options, state)
    assert found["routes.map"] == "a.example/ http-00000|web\n"
    assert found["services.map"] == "web~h2c http-00000\n"


def test_entries_that_lead_to_a_backend_that_is_no_more_are_left_to_the_daemon() -> None:
    entries = {"a.example/": "http-00007|web", "b.example/": "-|idle"}
    state = Saved(Structure({"http": 2}), {"routes": entries, "services": {"web": "http-00007"}})
    found = maps(Options(Path("/data")), state)
    assert found["services.map"] == ""
    assert "http-00007" not in found["routes.map"]
    assert "b.example/ -|idle" in found["routes.map"]


def test_state_file_that_is_broken_is_named(tmp_path: Path) -> None:
    assert saved.load(tmp_path) == Saved()
    (tmp_path / saved.FILE).write_text('{"maps": []}')
    with pytest.raises(InvalidValue, match=r"state\.json"):
        saved.load(tmp_path)


async def test_state_is_written_when_it_differs(tmp_path: Path) -> None:
    states: list[Saved | None] = [None, Saved(Structure({"http": 1}))]
    saver = saved.Saver(tmp_path, lambda: states[0])
    await saver.write()
    assert not (tmp_path / saved.FILE).exists()
    states.pop(0)
    await saver.write()
    assert saved.load(tmp_path) == states[0]
    before = (tmp_path / saved.FILE).stat().st_ino
    await saver.write()
    assert (tmp_path / saved.FILE).stat().st_ino == before


async def test_a_change_after_a_quiet_time_is_written_at_once_and_more_of_them_together(tmp_path: Path) -> None:
    states = [Saved(Structure({"http": number})) for number in range(3)]
    saver = saved.Saver(tmp_path, lambda: states[0])
    loop = asyncio.create_task(saver.run())
    saver.changed()
    await asyncio.sleep(saved.DEBOUNCE / 2)
    assert saved.load(tmp_path) == states.pop(0)
    saver.changed()
    await asyncio.sleep(saved.DEBOUNCE / 10)
    assert saved.load(tmp_path) != states.pop(0)
    saver.changed()
    await asyncio.sleep(saved.DEBOUNCE)
    assert saved.load(tmp_path) == states[0]
    loop.cancel()


def test_hold_ends_and_starts_anew_after_a_server_came() -> None:
    holds, actual = Holds(15.0), Actual()
    actual.maps["services"] = {"web": "http-00000"}
    assert holds.update(WITHOUT, actual, 100.0) == {"web"}
    assert holds.update(Slice(), actual, 114.9) == {"web"}
    assert holds.due(114.9) == []
    assert holds.due(115.1) == ["web"]
    assert holds.update(WITHOUT, actual, 115.1) == set()
    holds.update(WITH_ONE, actual, 116.0)
    assert holds.update(WITHOUT, actual, 117.0) == {"web"}
    assert holds.update(Slice({"web": None}), actual, 118.0) == set()  # routed no more: nobody to wait
    assert not holds


def test_server_is_removed_only_after_it_was_seen_without_sessions_for_a_while() -> None:
    drains, actual = Drains(), holding()
    actual.leaving.add(AT)
    assert drains.fresh(actual) == {AT, LEFT}
    drains.update(actual, {AT: 2, LEFT: 0}, 10.0)
    assert drains.counts() == {"i1": 2, "i2": 1}  # one look is not enough
    assert drains.fresh(actual) == {AT, LEFT}
    drains.update(actual, {AT: 2, LEFT: 0}, 10.0)
    assert drains.fresh(actual) == set()
    assert drains.counts() == {"i1": 2, "i2": 0}
    assert drains.busy() == {AT}
    assert AT not in drains.removable(20.0)
    assert drains.overdue(19.0, 10.0) == []
    assert drains.overdue(20.0, 10.0) == [AT]
    drains.update(actual, {AT: 0}, 21.0)
    assert AT not in drains.busy()
    assert AT not in drains.removable(21.0 + SETTLE / 2)
    assert AT in drains.removable(21.0 + SETTLE)
    assert AT not in drains.removable(21.0 + SETTLE * 1.5)  # HAProxy refused: later
    assert AT in drains.busy()
    assert AT in drains.removable(21.0 + SETTLE * 2)
    actual.leaving.clear()
    assert drains.fresh(actual) == set()
    assert drains.servers == {}
