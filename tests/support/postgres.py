"""A real PostgreSQL for tests, and psql as its client. Debian's packages: postgresql, postgresql-client."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.etcd import free_port

USER = "postgres"  # the server does not run as root


def _program(name: str) -> str:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which(name, path=os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", "")]))
    if found is None:
        raise RuntimeError(f"no {name}: run scripts/bootstrap dev")
    return found


class Postgres:
    """One server on loopback with empty data, whose ``name`` a client can ask for (``show cluster_name``)."""

    def __init__(self, name: str) -> None:
        self.name, self.port = name, free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="gr-pg-", dir="/tmp")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Postgres:
        """Make its data, start it, wait until it answers."""
        folder = Path(self._folder.name)
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        make = ["-D", str(folder / "data"), "-A", "trust", "-U", USER, "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(self._as_user(_program("initdb"), *make), check=True, capture_output=True, cwd="/", timeout=120)
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        options |= {"cluster_name": self.name, "shared_buffers": "4MB", "max_connections": 20}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = self._as_user(_program("postgres"), "-D", str(folder / "data"), *words)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        self._wait()
        return self

    def _as_user(self, *words: str) -> list[str]:
        start = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
        return [*start, *words]

    def _wait(self) -> None:
        for _ in range(300):
            if subprocess.run(psql(self.port, "select 1"), capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("PostgreSQL did not start within 30 s")

    def stop(self) -> None:
        """End it at once and delete its data."""
        if self._process is not None:
            self._process.kill()  # its children notice
            self._process.wait()
        self._folder.cleanup()


def psql(port: int, sql: str) -> list[str]:
    """The command that asks a server through ``port`` of loopback; bare output."""
    address = f"host=127.0.0.1 port={port} user={USER} dbname=postgres connect_timeout=10 gssencmode=disable"
    return ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, address]


class Session:
    """A psql that stays connected."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def open(cls, port: int) -> Session:
        """Connect through ``port``."""
        words = [word for word in psql(port, "") if word not in ("-c", "")]
        pipe = asyncio.subprocess.PIPE
        out = asyncio.subprocess.STDOUT
        return cls(await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=out))

    async def ask(self, sql: str) -> str:
        """One line of answer to one statement; what psql complains of, when it does; empty when it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{sql};\n".encode())
        async with asyncio.timeout(20):
            return (await self._process.stdout.readline()).decode().strip()

    async def close(self) -> None:
        """End the session."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
