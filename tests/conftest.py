"""Fixtures that more than one kind of test uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from grille.store import Store
from tests.support.etcd import EtcdServer


@pytest.fixture
def etcd() -> Iterator[EtcdServer]:
    """A real etcd with empty data."""
    server = EtcdServer().start()
    yield server
    server.stop()


@pytest.fixture
async def store(etcd: EtcdServer) -> AsyncIterator[Store]:
    """A client of ``etcd``."""
    async with Store([etcd.url]) as client:
        yield client
