"""A cluster of real members, for the store's own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.etcd import EtcdCluster


@pytest.fixture
def cluster() -> Iterator[EtcdCluster]:
    """Three members in namespaces of their own."""
    members = EtcdCluster(3)
    try:
        yield members.start()
    finally:
        members.stop()
