"""What reaching the other hosts' containers takes: which neighbours count, which routes, which firewall rules. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from ..wire.specs import HostNetwork

PROTOCOL = "113"  # marks Grille's routes among the host's (ip-route(8), "protocol")
CHAINS = {"filter": "DOCKER-USER", "raw": "PREROUTING"}


@dataclass(frozen=True)
class Neighbours:
    """The other hosts whose containers can be reached, and for each other one why not."""

    good: list[HostNetwork]
    bad: dict[str, str]


def usable(mine: HostNetwork, others: Iterable[HostNetwork]) -> Neighbours:
    """``others``, newest first, without this host, those with an unusable record and those whose subnet is taken."""
    taken = [(mine.host, IPv4Network(mine.subnet))]
    found = Neighbours([], {})
    for other in others:
        if other.host == mine.host:
            continue
        try:
            subnet, address = IPv4Network(other.subnet), IPv4Address(other.address)
        except ValueError as error:
            found.bad[other.host] = str(error)
            continue
        owner = next((host for host, theirs in taken if theirs.overlaps(subnet)), "")
        if owner:
            found.bad[other.host] = f"{subnet} overlaps the subnet of {owner}"
        elif address.is_loopback or address in subnet:
            found.bad[other.host] = f"{address} is an address that only that host can reach"
        else:
            taken.append((other.host, subnet))
            found.good.append(other)
    return found


def shown_routes(output: str) -> dict[str, str]:
    """Destination → gateway in the output of ``ip -json -4 route show``, of those routes that have a gateway."""
    return {str(row["dst"]): str(row["gateway"]) for row in json.loads(output or "[]") if "gateway" in row}


def route_changes(
    good: Sequence[HostNetwork], former: Sequence[HostNetwork], there: dict[str, str]
) -> tuple[list[HostNetwork], list[HostNetwork]]:
    """Which neighbours need a route laid, and which of the ``former`` ones have a route that is to go."""
    wanted = {one.subnet for one in good}
    add = [one for one in good if there.get(one.subnet) != one.address]
    drop = [one for one in former if one.subnet not in wanted and there.get(one.subnet) == one.address]
    return add, drop


def chain(network: str) -> str:
    """The name of the firewall chain for the Docker network ``network`` (28 characters at most)."""
    return f"GRILLE-{network}"[:28]


def firewall(network: str, mine: HostNetwork, good: Sequence[HostNetwork]) -> str:
    """Input of ``iptables-restore --noflush``: the chains that let the neighbours in to this host's containers.

    In ``filter`` because Docker's policy for forwarded packets is to drop them; in ``raw`` because Docker Engine 28 and
    later drop there what comes to a container's address from outside.
    """
    rules = [f"-A {chain(network)} -s {one.address}/32 -d {mine.subnet} -j ACCEPT" for one in good]
    tables = ("\n".join([f"*{table}", f":{chain(network)} - [0:0]", *rules, "COMMIT"]) for table in CHAINS)
    return "\n".join(tables) + "\n"
