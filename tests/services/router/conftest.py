"""Fixtures of the router's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from grille.store import Store
from tests.services.router.rig import App, Router
from tests.support.etcd import EtcdServer

Apps = Callable[..., Awaitable[App]]


@pytest.fixture
async def router(etcd: EtcdServer, store: Store) -> AsyncIterator[Router]:
    """A running router."""
    rig = Router(store, etcd.url)
    try:
        yield await rig.start()
    finally:
        await rig.close()


@pytest.fixture
async def apps() -> AsyncIterator[Apps]:
    """Starts apps: ``await apps("name", delay=0.0)``."""
    started: list[App] = []

    async def start(name: str, *, delay: float = 0.0) -> App:
        started.append(await App(name, delay=delay).start())
        return started[-1]

    yield start
    for app in started:
        await app.stop()
