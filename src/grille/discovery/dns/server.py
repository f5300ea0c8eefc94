"""The DNS server: UDP and TCP on one address over one catalog, relaying what is not the grid's."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Coroutine
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import structlog
from dns.rcode import REFUSED, SERVFAIL, Rcode

from ...service.daemon import Loop
from ...service.settings import Settings
from ...wire.errors import Unavailable
from ..catalog import Catalog
from .hosts import Hosts
from .options import Options, options
from .query import HEADER, refusal
from .relay import Relay
from .responder import Outside, Responder, Unresolved
from .tcp import Streams
from .udp import Datagrams, Reply
from .upstreams import Endpoint, Upstreams
from .zone import Zone

log = structlog.get_logger()
SERVICE = "discoverd"  # the service that all DNS servers of the grid are instances of


class Server:
    """DNS over ``catalog``; ``run`` is its loop."""

    def __init__(self, catalog: Catalog, options: Options) -> None:
        self._catalog, self._options = catalog, options
        self._relay = Relay(Upstreams(options.upstreams, self._own))
        self._hosts = Hosts(self._relay, options.domain)
        self._responder = Responder(Zone(catalog, options.domain, options.host, self._hosts))
        self._served = lru_cache(maxsize=4096)(self._is_served)

    async def run(self) -> None:
        """Serve until cancelled; raises Unavailable when the port cannot be had."""
        address, port = self._options.address, self._options.port
        with ExitStack() as parts:
            try:
                datagrams, streams = Datagrams(address, port, self.handle), Streams(self.handle)
                parts.callback(datagrams.close)
                parts.callback((await streams.listen(address, port)).close)
            except OSError as error:
                raise self._no_port(error) from None
            parts.callback(streams.close)
            parts.callback(self._hosts.close)
            log.info("serving DNS", address=address, port=port, domain=self._options.domain.to_text())
            await asyncio.Event().wait()

    def handle(self, packet: bytes, client: str, *, tcp: bool) -> Reply:
        """The answer to a packet: at once, by a coroutine when others have to be asked, or None for none."""
        reply = self._responder.respond(packet, tcp=tcp)
        if reply is None or isinstance(reply, bytes):
            return reply
        if isinstance(reply, Outside) and not self._served(client):
            return _refused(packet, reply, REFUSED)
        if not self._relay.admit(client):
            return _refused(packet, reply, SERVFAIL)
        return self._released(self._ask(packet, reply, tcp=tcp), client)

    async def _released(self, asking: Coroutine[Any, Any, bytes], client: str) -> bytes:
        try:
            return await asking
        finally:
            self._relay.release(client)

    async def _ask(self, packet: bytes, wanted: Outside | Unresolved, *, tcp: bool) -> bytes:
        if isinstance(wanted, Outside):
            answer = await self._relay.exchange(packet, wanted.query.end, tcp=tcp)
            return answer or _refused(packet, wanted, SERVFAIL)
        await self._hosts.resolve(wanted.names)
        reply = self._responder.respond(packet, tcp=tcp)
        return reply if isinstance(reply, bytes) else refusal(packet, SERVFAIL)

    def _is_served(self, client: str) -> bool:
        """Whether names outside the grid are asked for on behalf of ``client``."""
        address = ipaddress.ip_address(client.partition("%")[0])
        own = address == ipaddress.ip_address(self._options.address)
        return own or any(address in network for network in self._options.clients)

    def _own(self) -> set[Endpoint]:
        port = self._options.port
        known = {Endpoint(each.address, port) for each in self._catalog.instances(SERVICE)}
        return known | {Endpoint(self._options.address, port)}

    def _no_port(self, error: OSError) -> Unavailable:
        where = f"port {self._options.port} of {self._options.address}"
        return Unavailable(f"DNS cannot have {where}: {error.strerror or error}", remedy="stop who listens there")


def loops(catalog: Catalog, settings: Settings) -> dict[str, Loop]:
    """The loop of the DNS server, none where ``GRILLE_DNS_PORT`` is 0 or not set; raises InvalidValue."""
    wanted = options(settings)
    return {"dns": Server(catalog, wanted).run} if wanted else {}


def _refused(packet: bytes, wanted: Outside | Unresolved, rcode: Rcode) -> bytes:
    if isinstance(wanted, Outside):
        return refusal(packet, rcode, end=wanted.query.end, edns=wanted.query.edns)
    return refusal(packet, rcode, end=HEADER.size)
