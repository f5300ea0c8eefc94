"""One router for all tests of a file, and a neighbour of those who are attacked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.services.router.hostile.watch import Neighbour
from tests.services.router.rig import Router
from tests.services.router.shared import authority, etcd, router, start, store

__all__ = ["authority", "etcd", "neighbour", "router", "start", "store"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def neighbour(router: Router) -> AsyncIterator[Neighbour]:
    """An app that must not notice."""
    running = Neighbour(router)
    try:
        yield await running.start()
    finally:
        running.stop()
