"""Who holds an address: of several records that claim the same one, the oldest. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import KeysView

from ..wire.routing import Challenge, Route
from .model import Address

CHALLENGE_PATH = "/.well-known/acme-challenge/"
Claim = tuple[float, str]  # since when, and the claiming record's key in the store


def addresses_of(record: object) -> set[Address]:
    """The addresses that a record claims: map, and key in it."""
    if isinstance(record, Challenge):
        return {("routes", map_key(record.host, CHALLENGE_PATH + record.token))}
    if not isinstance(record, Route):
        return set()
    if record.kind == "tcp":
        return {("tcp", str(record.port))}
    if record.kind == "tls":
        return {("sni", record.host)}
    return {("routes", map_key(record.host, record.path))}


def map_key(host: str, path: str) -> str:
    """The key of a route in the map of routes: the host and the path, ending in one ``/``."""
    return f"{host}{path.rstrip('/')}/"


class Claims:
    """The records that claim addresses, by key in the store. ``passed_through``: how many claim an SNI."""

    def __init__(self) -> None:
        self.passed_through = 0
        self._addresses: dict[str, set[Address]] = {}  # by key
        self._claims: dict[Address, list[Claim]] = defaultdict(list)

    def keys(self) -> KeysView[str]:
        """The keys of all records that claim something."""
        return self._addresses.keys()

    def holder(self, address: Address) -> str:
        """The key of the record that has ``address``; empty when none has."""
        claims = self._claims.get(address)
        return claims[0][1] if claims else ""

    def add(self, key: str, record: Route | Challenge, refused: dict[str, str]) -> set[Address]:
        """Enter the claims of ``record``; the addresses that it touches. Those that lose are named in ``refused``."""
        addresses = addresses_of(record)
        self._addresses[key] = addresses
        self.passed_through += isinstance(record, Route) and record.kind == "tls"
        since = record.created if isinstance(record, Route) else 0.0
        for address in addresses:
            claims = self._claims[address]
            claims.append((since, key))
            claims.sort()
            self._tell(address, refused)
        return addresses

    def remove(self, key: str, refused: dict[str, str]) -> set[Address]:
        """Take out the claims of the record at ``key``; the addresses that it touches."""
        addresses = self._addresses.pop(key, set())
        for address in addresses:
            self.passed_through -= address[0] == "sni"
            claims = [claim for claim in self._claims[address] if claim[1] != key]
            if claims:
                self._claims[address] = claims
                self._tell(address, refused)
            else:
                del self._claims[address]
        return addresses

    def _tell(self, address: Address, refused: dict[str, str]) -> None:
        (_, holder), *losers = self._claims[address]
        if refused.get(holder, "").endswith(TAKEN):
            del refused[holder]
        for _, key in losers:
            refused[key] = f"{address[1]} belongs to {holder}, {TAKEN}"


TAKEN = "which is older"
