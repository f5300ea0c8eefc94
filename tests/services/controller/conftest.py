"""Fixtures of the controller's tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from grille.codec import encode
from grille.store import Store
from grille.wire import keys
from grille.wire.specs import Instance
from tests.services.controller.rig import Api, Host, controller, until
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer


@pytest.fixture
async def host(store: Store) -> AsyncIterator[Host]:
    """A host that plays its jobs."""
    played = await Host(store).start()
    yield played
    await played.stop()


@pytest.fixture
async def api(etcd: EtcdServer, tmp_path: Path) -> AsyncIterator[Api]:
    """The API of a running controller."""
    daemon = controller(tmp_path, etcd.url)
    await asyncio.to_thread(daemon.start)
    running = Api(daemon)

    async def reads() -> bool:
        return (await running("GET", "/apps"))[0] == 200

    await until("the controller has read the store", reads)
    yield running
    await asyncio.to_thread(daemon.stop)
    assert "Traceback" not in daemon.log


@pytest.fixture
async def shelf(store: Store, tmp_path: Path) -> AsyncIterator[Daemon]:
    """A real shelf, registered."""
    (tmp_path / "shelf").mkdir()
    settings = {"DATA": str(tmp_path / "objects"), "SHELF_KEY": str(tmp_path / "shelf.key")}
    daemon = Daemon("grille.shelf", "SHELF_PORT", tmp_path / "shelf", **settings)
    await asyncio.to_thread(daemon.start)
    instance = Instance(id="s1", service="shelf", address="127.0.0.1", port=daemon.port, created=time.time())
    await store.put(keys.instance("shelf", "s1"), encode(instance))
    yield daemon
    await asyncio.to_thread(daemon.stop)
