"""One grid of daemons for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.modules.rig import Grid
from tests.support import apps


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """etcd, shelf, controller, discoverd and an agent on this machine."""
    daemons = Grid(tmp_path_factory.mktemp("grid"))
    try:
        yield daemons.start()
    finally:
        daemons.stop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source folder of a small web app, version "one"."""
    return apps.web(tmp_path / "source")
