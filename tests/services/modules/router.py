"""A real router (HAProxy and its daemon) for the grid of daemons, on free ports of loopback."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grille.store import Delete
from grille.store.blocking import BlockingStore
from grille.wire import keys
from tests.services.modules.rig import Grid
from tests.support.daemon import ROOT, lay_tokens
from tests.support.etcd import free_port

HOST = "r1"


class Router:
    """HAProxy and the daemon as processes of their own, as in their two containers."""

    def __init__(self, grid: Grid) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="gr-", dir="/tmp")  # a socket's path must be short
        self.http, self._store = free_port(), BlockingStore([grid.etcd.url])
        folder = Path(self._folder.name)
        self._log = folder / "log"
        settings = {
            "HOST": HOST,
            "ETCD": grid.etcd.url,
            "DATA": str(folder),
            "TOKENS": str(lay_tokens(folder / "tokens")),
            "ROUTER_PORT": str(free_port()),
            "ROUTER_HTTP_PORT": str(self.http),
            "ROUTER_HTTPS_PORT": str(free_port()),
            "ROUTER_BIND": "127.0.0.1",
            "ROUTER_POOL": "20",
        }
        given = {f"GRILLE_{name}": value for name, value in settings.items()}
        self._environ = {**os.environ, **given, "PYTHONPATH": str(ROOT / "src")}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> Router:
        """Start both and wait until the store has the router's word."""
        with self._log.open("ab") as log:
            for package in ("grille.router.haproxy", "grille.router"):
                words = [sys.executable, "-m", package]
                self._processes.append(subprocess.Popen(words, env=self._environ, stderr=log))
        end = time.monotonic() + 20
        while self._store.get(keys.router(HOST)) is None:
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.1)
        return self

    def get(self, host: str, path: str = "/") -> tuple[int, str]:
        """Status and text of a request through HAProxy."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=20)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def stop(self) -> None:
        """End both; the store forgets the router at once."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._store.transact([], [Delete(keys.router(HOST))])
        self._folder.cleanup()
