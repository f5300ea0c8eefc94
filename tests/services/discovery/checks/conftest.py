"""Discoverds over a real etcd, and a thing outside the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.discovery.checks.rig import Thing, until
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer

Start = Callable[[str], Daemon]


@pytest.fixture
def start(etcd: EtcdServer, tmp_path: Path) -> Iterator[Start]:
    """Starts the discoverd of a host, and waits until it has read the store."""
    started: list[Daemon] = []

    def begin(host: str) -> Daemon:
        daemon = Daemon("grille.discovery", "DISCOVERD_PORT", tmp_path / host, ETCD=etcd.url, HOST=host)
        started.append(daemon.start())
        until(lambda: daemon.call("GET", "/outside").status == 200)
        return daemon

    yield begin
    for daemon in started:
        daemon.kill()


@pytest.fixture
def discoverd(start: Start) -> Daemon:
    """One that is alone."""
    return start("h1")


@pytest.fixture
def thing() -> Iterator[Thing]:
    """A server that runs."""
    server = Thing().start()
    yield server
    server.close()
