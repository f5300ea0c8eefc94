"""The guard over real containers: what is killed comes back, what is stopped stays stopped."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.host.rig import docker, until

ROOT = Path(__file__).resolve().parents[3]
SHOWN = "{{.State.Running}} {{.State.StartedAt}}"


class Guarded:
    """A guard as a process, and two containers of its own layer 0."""

    def __init__(self, image: str) -> None:
        self.label = f"t-host-{secrets.token_hex(3)}=0"
        self.names = [f"t-host-guard-{secrets.token_hex(3)}" for _ in range(2)]
        for name in self.names:
            words = ["--label", self.label, "--restart", "unless-stopped", "--entrypoint", "sleep"]
            docker("run", "-d", "--name", name, *words, image, "600")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        settings = {"PYTHONPATH": str(ROOT / "src"), "GRILLE_GUARD_LABEL": self.label}
        words = [sys.executable, "-m", "grille.host.guard"]
        self.process = subprocess.Popen(words, env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
        time.sleep(1)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def guarded(run_image: str) -> Iterator[Guarded]:
    made = Guarded(run_image)
    yield made
    made.end()
    docker("rm", "--force", *made.names)


def running(name: str) -> bool:
    return docker("inspect", "--format", SHOWN, name).startswith("true")


def test_a_killed_container_comes_back_and_a_stopped_one_does_not(guarded: Guarded) -> None:
    killed, stopped = guarded.names
    before = docker("inspect", "--format", SHOWN, killed)
    docker("stop", "--time", "0", stopped)
    docker("kill", killed)
    begin = time.monotonic()
    until("back", lambda: running(killed) and docker("inspect", "--format", SHOWN, killed) != before, 5)
    assert time.monotonic() - begin < 4
    time.sleep(6)
    assert not running(stopped)
    docker("start", stopped)
    docker("kill", stopped)
    until("guarded again", lambda: running(stopped), 5)


def test_a_new_guard_starts_what_lies_there(guarded: Guarded) -> None:
    guarded.end()
    docker("kill", guarded.names[0])
    assert not running(guarded.names[0])
    guarded.start()
    until("back", lambda: running(guarded.names[0]), 5)
