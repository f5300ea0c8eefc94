"""The run image, and an agent that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.host.rig import Rig
from tests.support.etcd import EtcdServer
from tests.support.images import images


@pytest.fixture(scope="session")
def run_image() -> str:
    """The name of the run image."""
    return images()["run"]


@pytest.fixture
def rig(etcd: EtcdServer, tmp_path: Path, run_image: str) -> Iterator[Rig]:
    """A running agent."""
    made = Rig(etcd, tmp_path, run_image)
    try:
        made.agent.start()
        yield made
    finally:
        made.close()
