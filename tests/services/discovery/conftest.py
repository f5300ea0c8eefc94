"""A discoverd over a real etcd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.discovery.rig import until
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer


@pytest.fixture
def discoverd(etcd: EtcdServer, tmp_path: Path) -> Iterator[Daemon]:
    """One that has read the store, with a data folder of its own."""
    data = str(tmp_path / "data")
    daemon = Daemon("grille.discovery", "DISCOVERD_PORT", tmp_path, ETCD=etcd.url, DATA=data).start()
    until(lambda: daemon.call("GET", "/services").status == 200)
    yield daemon
    daemon.kill()
