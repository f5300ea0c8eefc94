"""A daemon of Grille as a process of its own, for tests: start, stop, kill, and requests to it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
ROLES = ("read", "deploy", "admin")


def lay_tokens(folder: Path) -> Path:
    """A folder of tokens, each role's token being ``<role>-token``."""
    folder.mkdir(parents=True, exist_ok=True)
    for role in ROLES:
        (folder / role).write_text(f"{role}-token\n")
    return folder


class Answer:
    """A whole HTTP answer."""

    def __init__(self, raw: http.client.HTTPResponse) -> None:
        self.status, self.headers = raw.status, raw.headers
        self.body = raw.read()

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Daemon:
    """``python -m <package>`` on a free port of loopback.

    Args:
        package: like ``grille.shelf``.
        port_name: the setting of its port, like ``SHELF_PORT``.
        folder: scratch; tokens are laid in ``tokens/`` there.
        settings: further settings, without ``GRILLE_``.
    """

    def __init__(self, package: str, port_name: str, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self._package = package
        given = {port_name: str(self.port), "TOKENS": str(lay_tokens(folder / "tokens")), "HOST": "test", **settings}
        self._environ = os.environ | {f"GRILLE_{name}": value for name, value in given.items()}
        self._environ["PYTHONPATH"] = str(ROOT / "src")
        self._log = folder / f"{package}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return self._log.read_text()

    def start(self) -> Daemon:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", self._package], env=self._environ, stderr=log)
        for _ in range(200):
            try:
                if self.call("GET", "/healthz", token="").status == 200:
                    return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError(f"{self._package} did not start: {self.log}")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout=15)
        self.process = None
        return code

    def call(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        *,
        token: str = "deploy",
        headers: dict[str, str] | None = None,
        timeout: float = 30,
    ) -> Answer:
        """One request with the token of a role (empty: none); an iterable body is sent chunked."""
        sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}-token"} if token else {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, target, body, sent, encode_chunked=not isinstance(body, bytes | None))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def memory(self, field: str = "VmHWM") -> int:
        """Bytes of a memory field of /proc/<pid>/status: VmHWM is the most it was ever resident."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"no {field}")
