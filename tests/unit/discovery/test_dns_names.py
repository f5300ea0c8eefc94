"""What names stand for, and what settings and resolv.conf say."""

from __future__ import annotations

import os
from pathlib import Path

import dns.name
import pytest

from grille.discovery.dns.names import Place, place
from grille.discovery.dns.options import options
from grille.discovery.dns.upstreams import Endpoint, Upstreams, endpoint, nameservers
from grille.service.settings import Settings
from grille.wire.errors import InvalidValue


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("", Place("apex")),
        ("shop-web", Place("service", "shop-web")),
        ("Shop-WEB", Place("service", "shop-web")),
        ("leader", Place("service", "leader")),
        ("leader.shop-web", Place("leader", "shop-web")),
        ("one.shop-web", Place("instance", "shop-web", "one")),
        ("_http._tcp.shop-web", Place("protocol", "shop-web", "http")),
        ("_shop-web._TCP", Place("srv", "shop-web")),
        ("_tcp", Place("branch")),
        ("_tcp.shop-web", Place("twig", "shop-web")),
        ("http._tcp.shop-web", None),
        ("shop-web._tcp", None),
        ("a.b.c", None),
        ("a.b.c.d", None),
    ],
)
def test_places(name: str, found: Place | None) -> None:
    labels = tuple(label.encode() for label in name.split(".")) if name else ()
    assert place(labels) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.2", ("10.0.0.2", 53)),
        ("10.0.0.2:5353", ("10.0.0.2", 5353)),
        ("fd00::1", ("fd00::1", 53)),
        ("[fd00::1]:5353", ("fd00::1", 5353)),
    ],
)
def test_endpoints(text: str, found: tuple[str, int]) -> None:
    assert endpoint(text) == found


@pytest.mark.parametrize("text", ["dns.example.org", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:99999", "[fd00::1", "1.2.3"])
def test_what_is_no_endpoint_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidValue, match="GRILLE_DNS_FORWARD_TO") as caught:
        endpoint(text)
    assert text in caught.value.message


def test_nameservers_of_a_resolv_conf() -> None:
    text = (
        "# nameserver 1.1.1.1\nsearch lan\nnameserver 10.0.0.2\nnameserver\nnameserver x\nnameserver  fd00::1 # two\n"
    )
    assert nameservers(text) == [("10.0.0.2", 53), ("fd00::1", 53)]


def test_resolv_conf_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    upstreams = Upstreams(None, lambda: {Endpoint("10.0.0.1")}, file)
    assert upstreams() == [], "no file, no servers"
    file.write_text("nameserver 10.0.0.1\nnameserver 10.0.0.2\n")
    assert upstreams() == [("10.0.0.2", 53)], "never itself"
    (tmp_path / "new").write_text("nameserver 10.0.0.3\nnameserver 10.0.0.2\n")
    os.replace(tmp_path / "new", file)
    assert upstreams() == [("10.0.0.3", 53), ("10.0.0.2", 53)]
    file.unlink()
    assert upstreams() == []


def settings(**given: str) -> Settings:
    return Settings({"GRILLE_HOST": "h1"} | {f"GRILLE_{name}": value for name, value in given.items()})


def test_options() -> None:
    assert options(settings()) is None
    assert options(settings(DNS_PORT="0")) is None
    found = options(settings(DNS_PORT="53", ADDRESS="10.213.0.1"))
    assert found is not None
    assert (found.address, found.port, found.domain, found.upstreams) == (
        "10.213.0.1",
        53,
        dns.name.from_text("grille"),
        None,
    )
    other = options(settings(DNS_PORT="53", DNS_DOMAIN="Grid.Example.Org", DNS_FORWARD_TO="none"))
    assert other is not None
    assert (str(other.domain), other.upstreams) == ("grid.example.org.", [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DNS_PORT", "70000"),
        ("DNS_PORT", "x"),
        ("DNS_DOMAIN", "."),
        ("DNS_DOMAIN", "a..b"),
        ("DNS_FORWARD_TO", "10.0.0.2,dns"),
        ("DNS_FORWARD_FOR", "10.0.0.1/8"),
    ],
)
def test_options_that_are_wrong_are_named(name: str, value: str) -> None:
    with pytest.raises(InvalidValue, match=f"GRILLE_{name}") as caught:
        options(settings(**{"DNS_PORT": "53", name: value}))
    assert caught.value.remedy
