"""Addresses of the host names that instances have instead of an address, asked for and kept for their TTL."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import dns.message
import dns.name
from dns.exception import DNSException
from dns.flags import TC
from dns.rdatatype import AAAA, A, RdataType

from .query import HEADER, PAYLOAD
from .relay import Relay

TTL_LEAST, TTL_MOST = 1.0, 60.0  # seconds that an address is kept
AGAIN = 5.0  # seconds until a name that nobody knew is asked for again
NAMES_MOST = 4096  # kept; the oldest go first


@dataclass(frozen=True)
class Known:
    """Addresses, and the monotonic time until which they hold."""

    addresses: list[str]
    until: float


class Hosts:
    """Host names' addresses. Past their time they are asked for again, and used until that is answered."""

    def __init__(self, relay: Relay, domain: dns.name.Name) -> None:
        self._relay, self._domain = relay, domain
        self._known: dict[str, Known] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    def known(self, name: str) -> list[str] | None:
        """The addresses of ``name`` (empty: it has none), or None when they have to be asked for first."""
        if self._name(name) is None:
            return []
        found = self._known.get(name)
        if found is None:
            return None
        if found.until < time.monotonic():
            self._ask(name)
        return found.addresses

    async def resolve(self, names: list[str]) -> None:
        """Ask for ``names``; afterwards they are known."""
        await asyncio.gather(*(asyncio.shield(self._ask(name)) for name in names))

    def close(self) -> None:
        """Ask no more."""
        for task in self._asking.values():
            task.cancel()

    def _name(self, name: str) -> dns.name.Name | None:
        try:
            parsed = dns.name.from_text(name)
        except (DNSException, ValueError):
            return None
        return None if parsed.is_subdomain(self._domain) else parsed

    def _ask(self, name: str) -> asyncio.Task[None]:
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.create_task(self._learn(name))
            task.add_done_callback(lambda done: self._asking.pop(name, None))
        return task

    async def _learn(self, name: str) -> None:
        found = await asyncio.gather(self._lookup(name, A), self._lookup(name, AAAA))
        addresses = [address for each in found if each for address in each.addresses]
        before = self._known.pop(name, None)
        if not addresses and None in found and before:
            addresses = before.addresses  # nobody answered: that says nothing about the name
        until = min((each.until for each in found if each and each.addresses), default=time.monotonic() + AGAIN)
        if len(self._known) >= NAMES_MOST:
            del self._known[next(iter(self._known))]
        self._known[name] = Known(addresses, until)

    async def _lookup(self, name: str, rdtype: RdataType) -> Known | None:
        """What the upstreams say; None when they say nothing."""
        query = dns.message.make_query(name, rdtype, use_edns=0, payload=PAYLOAD)
        packet = query.to_wire()
        end = HEADER.size + len(query.question[0].name.to_wire() or b"") + 4
        answer = await self._relay.exchange(packet, end, tcp=False)
        if answer and answer[2] & (TC >> 8):
            answer = await self._relay.exchange(packet, end, tcp=True)
        return _addresses(answer, rdtype) if answer else None


def _addresses(answer: bytes, rdtype: RdataType) -> Known | None:
    try:
        message = dns.message.from_wire(answer)
    except (DNSException, ValueError):
        return None
    sets = [each for each in message.answer if each.rdtype == rdtype]
    ttl = min((each.ttl for each in sets), default=0)
    until = time.monotonic() + min(max(ttl, TTL_LEAST), TTL_MOST)
    return Known([data.address for each in sets for data in each], until)
