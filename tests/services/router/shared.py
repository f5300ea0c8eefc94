"""Fixtures for tests that share one router per file; each test has hosts and services of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from grille.store import Store
from tests.services.router.features.origin import Origin, Start
from tests.services.router.rig import Router
from tests.support.authority import Authority
from tests.support.etcd import EtcdServer

TRUSTED = "127.0.0.2"  # who may send the PROXY protocol to the router


@pytest.fixture(scope="module")
def etcd() -> Iterator[EtcdServer]:
    """A real etcd with empty data."""
    server = EtcdServer().start()
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(etcd: EtcdServer) -> AsyncIterator[Store]:
    """A client of ``etcd``."""
    async with Store([etcd.url]) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def router(etcd: EtcdServer, store: Store) -> AsyncIterator[Router]:
    """A running router."""
    rig = Router(store, etcd.url, GRILLE_ROUTER_PROXIES=f"{TRUSTED}/32", GRILLE_ROUTER_POOL="200")
    try:
        yield await rig.start()
        assert rig.haproxy is not None
        assert rig.haproxy.poll() is None, rig.logs()
        assert "Traceback" not in rig.logs()
    finally:
        await rig.close()


@pytest_asyncio.fixture(loop_scope="module")
async def start(router: Router) -> AsyncIterator[Start]:
    """Starts apps and registers them: ``await start("shop-web", "one", answer)``."""
    started: list[Origin] = []

    async def begin(service: str, name: str = "one", answer: object = None, **fields: object) -> Origin:
        origin = await Origin(name, answer).start()  # type: ignore[arg-type]  # what Start says
        started.append(origin)
        await router.acknowledged(await router.put(origin.instance(service, **fields)))
        return origin

    yield begin
    for origin in started:
        await origin.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of a file's tests."""
    return Authority(tmp_path_factory.mktemp("authority"))
