"""Fixtures that more than one kind of test uses, and what runs beside what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from xdist.scheduler import LoadFileScheduling

from grille.store import Store
from tests.support.etcd import EtcdServer

LAB = ("tests/lab/", "tests/grid/hosts/")


class OneLab(LoadFileScheduling):
    """Files are given to processes one at a time; those that use the lab, of which there is one, to the same."""

    def _split_scope(self, nodeid: str) -> str:
        return "lab" if nodeid.startswith(LAB) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneLab | None:
    """The scheduler of ``--dist loadfile``."""
    return OneLab(config, log) if config.getoption("dist") == "loadfile" else None


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
