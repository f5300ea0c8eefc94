"""What HAProxy comes back with, and how servers leave it."""

from __future__ import annotations

from pathlib import Path

import pytest

from grille.codec import decode, encode
from grille.router import saved
from grille.router.draining import SETTLE, Drains, Holds
from grille.router.model import Actual, Desired, Endpoint, Server, Service
from grille.router.pool import WAIT
from grille.router.render import Options, configuration, maps
from grille.wire.errors import InvalidValue

A = Endpoint("10.0.0.1", 5000)
AT = ("http-00000", "i1")


def holding(mode: str = "ready") -> Actual:
    wait = Server(Endpoint("127.0.0.1", 1), "ready")
    servers = {WAIT: wait, "i1": Server(A, mode), "i2": Server(A, "drain")}  # type: ignore[arg-type]
    return Actual(backends={"http-00000": servers}, routes={"a.example/": "web"}, services={"web": "http-00000"})


def test_saved_state_comes_back_as_servers_and_maps() -> None:
    state = decode(saved.Saved, encode(saved.of(holding())))
    options = Options(Path("/data"), pools=(("http", 2),), https_port=0)
    text = configuration(options, state)
    assert "server i1 10.0.0.1:5000 check" in text
    assert "i2" not in text
    assert text.count("disabled") == 1
    assert "ssl crt" not in text
    assert maps(options, state) == {"routes.map": "a.example/ web\n", "services.map": "web http-00000\n"}


def test_service_of_a_backend_that_is_no_more_is_left_to_the_daemon() -> None:
    state = saved.Saved({"a.example/": "web"}, {"web": saved.SavedService("http-00007", {"i1": A})})
    options = Options(Path("/data"), pools=(("http", 2),))
    assert maps(options, state)["services.map"] == ""
    assert "server i1" not in configuration(options, state)


def test_state_file_that_is_broken_is_named(tmp_path: Path) -> None:
    assert saved.load(tmp_path) == saved.Saved()
    (tmp_path / saved.FILE).write_text('{"services": []}')
    with pytest.raises(InvalidValue, match=r"state\.json"):
        saved.load(tmp_path)


def test_hold_ends_and_starts_anew_after_a_server_came() -> None:
    holds = Holds(15.0)
    without, with_one = Desired({}, {"web": Service()}), Desired({}, {"web": Service(servers={"i1": A})})
    assert holds.update(without, holding(), 100.0) == {"web"}
    assert holds.update(without, holding(), 114.9) == {"web"}
    assert holds.update(without, holding(), 115.1) == set()
    holds.update(with_one, holding(), 116.0)
    assert holds.update(without, holding(), 117.0) == {"web"}
    assert holds.update(Desired(), holding(), 118.0) == set()  # routed no more: nobody to wait


def test_server_is_removed_only_after_it_was_seen_without_sessions_for_a_while() -> None:
    drains = Drains()
    actual = holding("drain")
    drains.update(actual, {AT: 2}, 10.0)
    assert drains.counts() == {"i1": 2, "i2": 0}
    assert AT not in drains.removable(20.0)
    assert drains.overdue(19.0, 10.0) == []
    assert drains.overdue(20.0, 10.0) == [AT]
    drains.update(actual, {}, 21.0)
    assert AT not in drains.removable(21.0 + SETTLE / 2)
    assert AT in drains.removable(21.0 + SETTLE)
    assert AT not in drains.removable(21.0 + SETTLE * 1.5)  # HAProxy refused: later
    assert AT in drains.removable(21.0 + SETTLE * 2)
