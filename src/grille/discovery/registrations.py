"""Registering, whether the store is there or not: the registry while it answers, pending while it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from ..service.http import not_found
from ..wire.errors import Unavailable
from .pending import Pending
from .records import Registration
from .registry import Done, Registry, foreign
from .view import View

T = TypeVar("T")
PATIENCE = 2.0  # seconds for the store to answer


class Registrations:
    """The one way in for registrations and removals.

    ``guards`` are called first, with a service and an instance's id; they raise Conflict for what is not a client's.
    """

    def __init__(self, view: View, registry: Registry, pending: Pending) -> None:
        self._view, self._registry, self._pending = view, registry, pending
        self.guards: list[Callable[[str, str], None]] = []

    async def register(self, service: str, ident: str, wanted: Registration, *, own: bool = False) -> Done:
        """As ``Registry.register``; pending (``lease`` 0) when the store does not answer.

        Raises:
            Conflict: it is a job's. Unavailable: neither the store nor a saved state of it is known.
        """
        done = await self._try(service, ident, partial(self._registry.register, service, ident, wanted, own=own))
        if done is not None:
            return done
        known = foreign(self._view.catalog.get(service, ident))
        return Done(self._pending.register(service, ident, wanted), wanted.ttl, known is None, 0, 0)

    async def deregister(self, service: str, ident: str) -> int:
        """As ``Registry.deregister``; 0 when it is pending."""
        revision = await self._try(service, ident, partial(self._registry.deregister, service, ident))
        if revision is not None:
            return revision
        known = foreign(self._view.catalog.get(service, ident))
        if known is None:
            raise not_found("instance", ident)
        self._pending.deregister(known)
        return 0

    async def _try(self, service: str, ident: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """What ``work`` gives; None when the store is away, or something is pending that must go first."""
        for guard in self.guards:
            guard(service, ident)
        if (service, ident) in self._pending or self._away():
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                return await work()
        except (Unavailable, TimeoutError):
            return None

    def _away(self) -> bool:
        fresh = self._view.freshness()
        return fresh.stale and fresh.age > PATIENCE
