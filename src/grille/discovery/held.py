"""A registration that stands as long as its client's connection does."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web

from ..codec import encode
from ..wire.errors import NotFound, Unavailable
from .connection import Connection
from .frames import ALIVE, frame
from .records import Registration
from .registrations import Registrations
from .registry import Done, Registry

log = structlog.get_logger()
ALIVE_MOST = 15.0  # seconds between signs of life


class Held:
    """The registration of one connection, under a lease of its own."""

    def __init__(self, registrations: Registrations, registry: Registry, service: str, ident: str) -> None:
        self._registrations, self._registry = registrations, registry
        self._service, self._ident = service, ident
        self._lease = 0

    async def run(self, connection: Connection, wanted: Registration, stop: asyncio.Event) -> web.StreamResponse:
        """Register, and keep the registration until the client is gone, or another connection has taken it over.

        When ``stop`` is set, discoverd ends: the lease is left, so that the client can go on at another one.
        """
        done = await self._registrations.register(self._service, self._ident, wanted, own=True)
        self._lease = done.lease
        try:
            response = await connection.open()
            await connection.send(_told(done))
            await self._keep(connection, wanted)
        finally:
            if not stop.is_set():
                await asyncio.shield(self._end())
        return response

    async def _keep(self, connection: Connection, wanted: Registration) -> None:
        pause = min(wanted.ttl / 3, ALIVE_MOST)
        while True:
            await asyncio.wait((connection.closed,), timeout=pause)
            if connection.closed.done() or not await self._refresh(connection, wanted):
                return
            await connection.send(ALIVE)

    async def _refresh(self, connection: Connection, wanted: Registration) -> bool:
        """Keep the registration; False when it is another's now."""
        try:
            if self._lease and await self._registry.keep(self._lease):
                if self._registry.holds(self._service, self._ident, self._lease):
                    return True
                await connection.send(frame("replaced", b"{}"))
                return False
        except Unavailable:
            pass
        done = await self._registrations.register(self._service, self._ident, wanted, own=True)
        self._lease = done.lease
        await connection.send(_told(done))
        return True

    async def _end(self) -> None:
        """Take the registration out, unless it is another's now."""
        try:
            if self._lease and not self._registry.holds(self._service, self._ident, self._lease):
                return
            await self._registrations.deregister(self._service, self._ident)
        except NotFound:
            return
        except Unavailable as error:  # the lease ends it
            log.info(
                "held registration left to its lease", service=self._service, instance=self._ident, error=str(error)
            )


def _told(done: Done) -> bytes:
    told = {"instance": done.instance, "ttl": done.ttl, "revision": done.revision, "pending": not done.lease}
    return frame("registered", encode(told))
