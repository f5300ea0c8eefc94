"""Which neighbours' containers are reached, by which routes and firewall rules."""

from __future__ import annotations

import json

import pytest

from grille.host.neighbours import chain, firewall, route_changes, shown_routes, usable
from grille.wire.specs import HostNetwork


def host(name: str, address: str, subnet: str) -> HostNetwork:
    """A host's record."""
    return HostNetwork(host=name, address=address, subnet=subnet)


ALPHA = host("alpha", "192.0.2.11", "10.213.1.0/24")
BRAVO = host("bravo", "192.0.2.12", "10.213.2.0/24")
CHARLIE = host("charlie", "192.0.2.13", "10.213.3.0/24")
ROUTES = [
    {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
    {"dst": "10.213.1.0/24", "dev": "grille0", "protocol": "kernel"},
    {"dst": "10.213.2.0/24", "gateway": "192.0.2.12", "dev": "eth0", "protocol": "113"},
]


def test_all_others_are_neighbours_and_a_host_is_none_of_its_own() -> None:
    assert usable(ALPHA, [BRAVO, ALPHA, CHARLIE]).good == [BRAVO, CHARLIE]
    assert usable(ALPHA, [ALPHA]).good == []


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (host("x", "192.0.2.9", "10.213.0.0/16"), "overlaps the subnet of alpha"),
        (host("x", "192.0.2.9", "10.213.2.128/25"), "overlaps the subnet of bravo"),
        (host("x", "10.213.9.1", "10.213.9.0/24"), "only that host can reach"),
        (host("x", "127.0.0.1", "10.213.9.0/24"), "only that host can reach"),
        (host("x", "192.0.2.9", "10.213.9.7/24"), "host bits set"),
        (host("x", "nonsense", "10.213.9.0/24"), "nonsense"),
    ],
)
def test_a_record_that_cannot_be_right_is_left_out_with_the_reason(other: HostNetwork, why: str) -> None:
    found = usable(ALPHA, [BRAVO, other, CHARLIE])
    assert found.good == [BRAVO, CHARLIE]
    assert why in found.bad["x"]


def test_the_newest_owner_of_a_subnet_wins() -> None:
    renamed = host("renamed", "192.0.2.14", BRAVO.subnet)
    assert usable(ALPHA, [renamed, BRAVO]).good == [renamed]


def test_only_missing_routes_are_laid_and_only_own_former_ones_go() -> None:
    there = shown_routes(json.dumps(ROUTES))
    assert there == {"default": "192.0.2.1", "10.213.2.0/24": "192.0.2.12"}
    assert route_changes([BRAVO, CHARLIE], [], there) == ([CHARLIE], [])
    assert route_changes([CHARLIE], [BRAVO], there) == ([CHARLIE], [BRAVO])
    moved = host("bravo", "192.0.2.22", BRAVO.subnet)
    assert route_changes([moved], [BRAVO], there) == ([moved], [])
    elsewhere = host("delta", "192.0.2.99", "10.213.2.0/24")  # somebody laid another route meanwhile
    assert route_changes([], [elsewhere], there) == ([], [])
    assert shown_routes("") == {}


def test_the_firewall_lets_in_neighbours_only_and_only_to_the_containers() -> None:
    lines = firewall("grille", ALPHA, [BRAVO, CHARLIE]).splitlines()
    rules = [line for line in lines if line.startswith("-A")]
    assert [line for line in lines if line.startswith("*")] == ["*filter", "*raw"]
    assert rules[:2] == [
        "-A GRILLE-grille -s 192.0.2.12/32 -d 10.213.1.0/24 -j ACCEPT",
        "-A GRILLE-grille -s 192.0.2.13/32 -d 10.213.1.0/24 -j ACCEPT",
    ]
    assert rules[2:] == rules[:2]
    assert len(chain("n" * 60)) == 28  # iptables(8) takes no longer name
