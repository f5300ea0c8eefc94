"""A discoverd with DNS, and a server that it asks about other names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.discovery.dns.rig import Dns, Upstream
from tests.support.etcd import EtcdServer


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A DNS server of the outside world."""
    server = Upstream()
    server.records = {"www.example.org.": ["192.0.2.10"]}
    yield server
    server.close()


@pytest.fixture
def grid(etcd: EtcdServer, upstream: Upstream, tmp_path: Path) -> Iterator[Dns]:
    """A discoverd with DNS that asks ``upstream``; it runs on host ``test``."""
    rig = Dns(etcd, tmp_path, DNS_FORWARD_TO=upstream.endpoint)
    try:
        yield rig.start()
    finally:
        rig.close()
