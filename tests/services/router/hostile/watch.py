"""What must not change while somebody misbehaves: a neighbour's answers, HAProxy's memory and process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.services.router.features.load import quantile
from tests.services.router.records import http, instance
from tests.services.router.rig import Router

LEAST = 0.25  # seconds: no p99 below it counts as harmed, on a machine that others keep busy
TIMES = 5
MOST = 200.0  # MiB that HAProxy may grow
PROGRAM = Path(__file__).with_name("neighbour.py")


class Neighbour:
    """An app and its client in a process of their own."""

    def __init__(self, router: Router, host: str = "calm.example") -> None:
        self._router, self._host = router, host
        command = [sys.executable, str(PROGRAM), str(router.http), host]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def start(self) -> Neighbour:
        """Register and route it."""
        port = int(await self._answer())
        await self._router.lay(instance("calm-web", "one", port), http(self._host, "calm-web"))
        return self

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    @contextlib.asynccontextmanager
    async def unharmed(self, *, quiet: float = 1.0) -> AsyncIterator[None]:
        """While the block lasts, every request is answered about as fast as just before, by the same HAProxy."""
        haproxy = self._router.haproxy_pid
        memory = rss(haproxy)
        self._say("begin")
        await asyncio.sleep(quiet)
        before = await self._measured()
        self._say("begin")
        yield
        await asyncio.sleep(0.5)  # so that a short block is measured, too
        during = await self._measured()
        assert during < max(LEAST, TIMES * before), (before, during)
        assert self._router.haproxy_pid == haproxy, self._router.logs()[-2000:]
        assert rss(haproxy) - memory < MOST

    async def _measured(self) -> float:
        """The p99 since it was told to begin, in seconds."""
        self._say("end")
        seconds, failures = json.loads(await self._answer())
        assert failures == []
        assert len(seconds) > 10
        return quantile(seconds, 0.99)

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    async def _answer(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            return await asyncio.to_thread(self._process.stdout.readline)


def rss(pid: int) -> float:
    """Resident MiB of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no memory of {pid}")


def many_files() -> None:
    """Let this process have as many files as it may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
