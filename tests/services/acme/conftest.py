"""Fixtures: pebble, a router that answers its challenges, and workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from grille.service.sealing import Keyring
from grille.store import Store
from tests.services.acme.rig import Edge, Orders, Pebble
from tests.support.keys import lay_keys, new_key


@pytest.fixture
async def pebble(tmp_path: Path) -> AsyncIterator[Pebble]:
    """A running pebble."""
    folder = tmp_path / "pebble"
    folder.mkdir()
    server = Pebble(folder).start()
    try:
        yield await server.ready()
    finally:
        server.stop()


@pytest.fixture
async def edge(store: Store, pebble: Pebble) -> AsyncIterator[Edge]:
    """The router that pebble reaches."""
    async with Edge(store, "h1", pebble.http) as router:
        yield router


@pytest.fixture
async def orders(store: Store, tmp_path: Path) -> AsyncIterator[Orders]:
    """Nobody works yet."""
    made = Orders(store, Keyring(str(lay_keys(tmp_path / "keys", new_key("k1")))))
    yield made
    await made.stop()
