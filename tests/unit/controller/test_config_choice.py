"""What an app's configuration is made of: layers, moves between kinds, versions that are dropped or undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grille.codec import encode
from grille.controller.carry.writes import Writer
from grille.controller.changes import config
from grille.controller.changes.config_undo import undone
from grille.controller.changes.config_wish import Wish, applied, differences
from grille.controller.planner import DeleteRelease
from grille.controller.records import Records
from grille.service.sealing import Keyring
from grille.store import Entry, Event
from grille.wire import keys
from grille.wire.configuration import ConfigVersion, merge
from grille.wire.errors import InvalidValue
from grille.wire.specs import App, Formation, Release
from tests.support.keys import lay_keys, new_key


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(str(lay_keys(tmp_path / "config.keys", new_key("k1"))))


def version(scope: str = "apps/shop", number: int = 1, **parts: Any) -> ConfigVersion:
    return ConfigVersion(scope=scope, version=number, created=1.0, **parts)


def stored(*configs: ConfigVersion, releases: tuple[Release, ...] = (), current: int = 0) -> Records:
    records = Records()
    given: dict[str, object] = {keys.config(one.scope, one.version): one for one in configs}
    given |= {keys.release(one.app, one.version): one for one in releases}
    given[keys.app("shop")] = App(name="shop", created=1.0, last_release=len(releases))
    if current:
        given[keys.formation("shop")] = Formation(app="shop", release=current)
    for number, (key, record) in enumerate(given.items(), 5):
        records.apply(Event("put", Entry(key, encode(record), 1, number, 1)))
    return records


def release(number: int, **parts: Any) -> Release:
    return Release(app="shop", version=number, created=1.0, image="shop:1", **parts)


def test_a_name_on_top_hides_the_same_name_below_whatever_it_is() -> None:
    below = version("shared/db", 7, values={"A": "1", "B": "1"}, secrets={"C": "sealed"}, live={"D": "1"})
    merged = merge([below, version(secrets={"A": "sealed too"}, values={"C": "2", "D": "2"})])
    assert merged.values == {"B": "1", "C": "2", "D": "2"}
    assert (merged.secrets, merged.live) == ({"A": "sealed too"}, {})
    assert merged.versions == {"shared/db": 7, "apps/shop": 1}


def test_a_name_that_is_set_moves_to_its_new_kind_and_a_secret_that_stays_keeps_its_token(keyring: Keyring) -> None:
    before = applied(version(values={"A": "1"}), Wish(secrets={"S": "x", "T": "y"}), keyring)
    after = applied(before, Wish(secrets={"A": "1", "S": "x", "T": "z"}, live={"L": "1"}), keyring)
    assert (after.values, set(after.secrets), after.live) == ({}, {"A", "S", "T"}, {"L": "1"})
    assert after.secrets["S"] == before.secrets["S"]
    assert differences(before, after) == {
        "values": {"A": "removed"},
        "secrets": {"A": "set", "T": "changed"},
        "live": {"L": "set"},
    }
    left = applied(after, Wish(values={"V": "1"}, replace=True), keyring)
    assert (left.values, left.secrets, left.live) == ({"V": "1"}, {}, {})


def test_only_what_an_environment_can_hold_is_taken(keyring: Keyring) -> None:
    big = {f"N{number}": "x" * 30_000 for number in range(3)}
    records = stored(version("shared/db", 1, values=big))
    body = {"values": {f"M{number}": "x" * 30_000 for number in range(2)}, "shared": ["db"]}
    with pytest.raises(InvalidValue, match="the environment of shop would be larger than 128 KiB"):
        config.put(records, "apps/shop", body, 1.0, "test", keyring)


def test_old_versions_go_but_those_that_releases_name() -> None:
    many = [version(number=number) for number in range(1, config.HISTORY + 4)]
    records = stored(*many, releases=(release(1, config={"apps/shop": 2}),))
    assert config.old_versions(records) == [("apps/shop", 1), ("apps/shop", 3)]


def test_the_newest_version_is_known_when_others_come_and_go() -> None:
    records = stored(version(number=1), version(number=2))
    gone = Event("delete", Entry(keys.config("apps/shop", 2), b"", 0, 99, 0))
    records.apply(gone)
    assert (records.newest("apps/shop"), records.scopes()) == (1, ["apps/shop"])
    records.apply(Event("delete", Entry(keys.config("apps/shop", 1), b"", 0, 100, 0)))
    assert (records.newest("apps/shop"), records.scopes()) == (0, [])


def test_a_release_that_fails_takes_its_configuration_with_it() -> None:
    before, failed = version(values={"A": "1"}), version(number=2, values={"A": "2"}, live={"L": "1"}, release=2)
    releases = (release(1, env={"A": "1"}), release(2, env={"A": "2"}))
    records = stored(before, failed, releases=releases, current=1)
    key, again = undone(records, "shop", 2) or ("", None)
    assert again is not None
    assert (key, again.values, again.live) == (keys.config("apps/shop", 3), {"A": "1"}, {"L": "1"})
    (made,) = Writer(records).transactions(DeleteRelease("shop", 2))
    assert [one.key for one in made.writes] == [keys.release("shop", 2), key]
    assert undone(records, "shop", 1) is None
    assert undone(stored(failed, releases=releases), "shop", 2) == (keys.config("apps/shop", 2), None)
    of_old = undone(stored(failed, releases=releases, current=1), "shop", 2)
    assert of_old is not None
    assert of_old[1] is not None
    assert of_old[1].values == {"A": "1"}
