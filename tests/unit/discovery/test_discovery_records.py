"""What clients send to discoverd."""

from __future__ import annotations

from typing import Any

import pytest

from grille.discovery.query import Filter, find_of, flag, parameters, revision, seconds
from grille.discovery.records import registration, settings_change
from grille.wire.errors import InvalidValue

GOOD: dict[str, Any] = {"address": "10.0.0.7", "port": 80}


def test_defaults() -> None:
    record = registration(GOOD)
    assert (record.protocol, record.ttl, record.metadata, record.host) == ("http", 10.0, {}, "")
    instance = record.instance("web", "one", 5.0)
    assert (instance.service, instance.id, instance.port, instance.created, instance.app) == ("web", "one", 80, 5.0, "")


@pytest.mark.parametrize("address", ["10.0.0.7", "fd00::1", "db.example.org", "localhost"])
def test_addresses(address: str) -> None:
    assert registration(GOOD | {"address": address}).address == address


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"address": ""}, "host name"),
        ({"address": "a b"}, "host name"),
        ({"address": "0.0.0.0"}, "0.0.0.0"),
        ({"address": "::"}, "::"),
        ({"address": 5}, "address"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": "80"}, "port"),
        ({"port": True}, "port"),
        ({"protocol": "HTTP 1"}, "protocol"),
        ({"host": "Not A Host"}, "host"),
        ({"ttl": 1}, "ttl"),
        ({"ttl": 1e9}, "ttl"),
        ({"ttl": float("nan")}, "ttl"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"": "x"}}, "metadata"),
        ({"metadata": {"a": "x" * 2000}}, "metadata"),
        ({"metadata": {str(number): "x" for number in range(65)}}, "metadata"),
        ({"adress": "x"}, "adress"),
    ],
)
def test_mistakes_are_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        registration(GOOD | wrong)
    assert named in str(caught.value)


def test_missing_fields() -> None:
    with pytest.raises(InvalidValue, match="port"):
        registration({"address": "10.0.0.7"})


KNOWN = ("meta.", "protocol", "host", "watch", "near")


def test_filters() -> None:
    one = registration(GOOD | {"metadata": {"zone": "a", "x": ""}, "host": "h1"}).instance("web", "one", 1.0)
    for query in ([], [("meta.zone", "a")], [("protocol", "http"), ("host", "h1"), ("meta.zone", "a"), ("watch", "1")]):
        assert find_of(parameters(query, KNOWN)).filter.wants(one)
    for query in ([("meta.zone", "b")], [("meta.y", "")], [("protocol", "tcp")], [("host", "h2")]):
        assert not find_of(parameters(query, KNOWN)).filter.wants(one)
    assert not Filter().wants(None)


def test_unknown_and_doubled_parameters() -> None:
    for query in ([("meta", "a")], [("meta.", "a")], [("zone", "a")]):
        with pytest.raises(InvalidValue, match="unknown parameter"):
            parameters(query, KNOWN)
    with pytest.raises(InvalidValue, match="takes none"):
        parameters([("a", "b")], ())
    with pytest.raises(InvalidValue, match="twice"):
        parameters([("meta.a", "1"), ("meta.a", "1")], KNOWN)


def test_the_same_filter_however_it_is_written() -> None:
    one = find_of(parameters([("meta.a", "1"), ("meta.b", "2")], KNOWN))
    assert one == find_of(parameters([("meta.b", "2"), ("meta.a", "1")], KNOWN))
    assert (one.asks, find_of({}).asks) == (True, False)


def test_values_of_parameters() -> None:
    assert [flag("watch", raw) for raw in ("", "0", "1")] == [False, False, True]
    assert [seconds("wait", raw) for raw in ("", "2.5", "300")] == [0.0, 2.5, 300.0]
    assert revision("after", "0") == 0
    for wrong in ("yes", "-1", "nan", "1e9", "301", "\u0669\u0669\u0669\u0669"):
        with pytest.raises(InvalidValue):
            seconds("wait", wrong)
    for wrong in ("", "-1", "1.5", "1" * 20, "\u0661"):
        with pytest.raises(InvalidValue):
            revision("after", wrong)
    with pytest.raises(InvalidValue):
        flag("watch", "yes")


def test_settings() -> None:
    change = settings_change({"leader": {"mode": "metadata", "key": "zone", "value": "a"}, "expect": 3})
    assert (change.metadata, change.leader and change.leader.key, change.expect) == (None, "zone", 3)
    for wrong in (
        {"leader": {"mode": "manual"}},
        {"leader": {"mode": "manual", "instance": "A B"}},
        {"leader": {"mode": "metadata", "value": "a"}},
        {"leader": {"mode": "oldest", "key": "a"}},
        {"leader": {"mode": "manual", "instance": "a", "value": "b"}},
        {"leader": {"who": "a"}},
        {"leader": 5},
        {"expect": -1},
        {"expect": True},
        {"metadata": {"a": "\ud800"}},
        {"owner": "me"},
    ):
        with pytest.raises(InvalidValue):
            settings_change(wrong)


def test_metadata_have_a_size_in_all() -> None:
    fits = {f"k{number:02d}": "x" * 1000 for number in range(64)}
    assert registration(GOOD | {"metadata": fits}).metadata == fits
    with pytest.raises(InvalidValue, match="bytes in all"):
        registration(GOOD | {"metadata": dict.fromkeys(fits, "\u00e9" * 1000)})
