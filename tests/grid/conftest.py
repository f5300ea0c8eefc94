"""The grid of this machine: started when it is not up, and taken down after the tests if they started it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import apps
from tests.support.grid import command, docker, playbook


def _is_up() -> bool:
    listed = command("docker", "ps", "--format", "{{.Names}}")
    return listed.rc == 0 and "grille-agent" in listed.out.split()


@pytest.fixture(scope="session")
def was_up() -> bool:
    """Whether somebody's grid ran on this machine before the tests."""
    return _is_up()


@pytest.fixture(scope="session")
def grid(was_up: bool) -> Iterator[None]:
    """A running grid on this machine, gone after the tests if it was not there before; its data too, if new."""
    had_data = Path("/var/lib/grille/etcd").exists()
    playbook("site", timeout=900).ok()
    yield
    if not was_up:
        command("make", "down", f"PURGE={int(not had_data)}").ok()


@contextmanager
def _app() -> Iterator[str]:
    """The name of an app that nobody has, destroyed after the block however it ends."""
    name = f"t{secrets.token_hex(4)}"
    try:
        yield name
    finally:
        playbook("destroy", app=name).ok()
        left = docker("ps", "-a", "--format", "{{.Names}}", "--filter", f"label=grille.app={name}")
        assert left == "", f"destroy left containers: {left}"


@pytest.fixture
def app(grid: None) -> Iterator[str]:
    """The name of an app that nobody has, destroyed after the test."""
    with _app() as name:
        yield name


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source folder of a small web app, version "one"."""
    return apps.web(tmp_path / "source")


@pytest.fixture
def deployed(app: str, source: Path) -> str:
    """An app that is up, version "one"."""
    playbook("deploy", app=app, source=str(source)).ok()
    return app


@pytest.fixture(scope="module")
def lasting(grid: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same for all tests of a module that leave it as it is: one instance of version "one", release 1."""
    with _app() as name:
        playbook("deploy", app=name, source=str(apps.web(tmp_path_factory.mktemp("lasting")))).ok()
        yield name
