"""The run image, and an agent that runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.host.rig import Rig
from tests.support.etcd import EtcdServer

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def run_image() -> str:
    """The name of the run image, made when it is missing."""
    script = str(ROOT / "images/build.sh")
    name = subprocess.run([script, "--tags"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode:
        subprocess.run([script], check=True, stdout=subprocess.DEVNULL)
    return name


@pytest.fixture
def rig(etcd: EtcdServer, tmp_path: Path, run_image: str) -> Iterator[Rig]:
    """A running agent."""
    made = Rig(etcd, tmp_path, run_image)
    try:
        made.agent.start()
        yield made
    finally:
        made.close()
