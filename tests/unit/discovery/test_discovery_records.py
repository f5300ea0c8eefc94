"""What clients send to discoverd."""

from __future__ import annotations

from typing import Any

import pytest

from grille.discovery.records import Filter, filter_of, flag, registration
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


def test_filters() -> None:
    one = registration(GOOD | {"metadata": {"zone": "a", "x": ""}, "host": "h1"}).instance("web", "one", 1.0)
    for query in ([], [("meta.zone", "a")], [("protocol", "http"), ("host", "h1"), ("meta.zone", "a"), ("watch", "1")]):
        assert filter_of(query).wants(one)
    for query in ([("meta.zone", "b")], [("meta.y", "")], [("protocol", "tcp")], [("host", "h2")]):
        assert not filter_of(query).wants(one)
    assert not Filter().wants(None)
    for query in ([("meta", "a")], [("meta.", "a")], [("zone", "a")]):
        with pytest.raises(InvalidValue, match="unknown parameter"):
            filter_of(query)


def test_flags() -> None:
    assert [flag("watch", raw) for raw in ("", "0", "1")] == [False, False, True]
    with pytest.raises(InvalidValue):
        flag("watch", "yes")
