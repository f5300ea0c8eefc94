"""Things outside the grid, as processes of their own, and what the tests ask of discoverds."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon
from tests.support.ports import free_port

SERVICE = "db"
INSTANCES, OUTSIDE = f"/services/{SERVICE}/instances", f"/services/{SERVICE}/outside"


def until(holds: Callable[[], bool], seconds: float = 10) -> float:
    """Wait until ``holds()``; the seconds that it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() < begun + seconds, f"it did not come about in {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - begun


class Thing:
    """A server that knows nothing of the grid: ``http.server`` in a process, on loopback.

    ``/status`` answers 200, ``/moved`` 301, all else 404.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="grille-thing-")
        Path(self._folder.name, "status").write_text("well\n")
        Path(self._folder.name, "moved").mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Thing:
        """Start it, at the same port as before, and wait until it listens."""
        command = [sys.executable, "-m", "http.server", str(self.port), "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(
            command, cwd=self._folder.name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._listens)
        return self

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.stop()
        self._folder.cleanup()

    def freeze(self) -> None:
        """Let the kernel accept connections for it while it answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def put(daemon: Daemon, ident: str, port: int, *, check: dict[str, Any] | None = None, **fields: Any) -> Any:
    """Register a thing at ``port`` of loopback; the answer with its status."""
    body = {"address": "127.0.0.1", "port": port, "check": check or {}, **fields}
    answer = daemon.call("PUT", f"{OUTSIDE}/{ident}", json.dumps(body).encode())
    assert answer.status in (200, 201), answer.body
    return answer.json | {"status": answer.status}


def found(daemon: Daemon) -> list[str]:
    """The ids of the instances that discoverd finds."""
    return [each["id"] for each in daemon.call("GET", INSTANCES, token="read").json["instances"]]


def state(daemon: Daemon, ident: str) -> Any:
    """What discoverd tells of a check."""
    return daemon.call("GET", f"{OUTSIDE}/{ident}", token="read").json
