"""The host's own key: HostStatus under the agent's lease, written when something changed or a minute went by."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from .. import __version__
from ..codec import encode
from ..store import Lease, Store
from ..wire import keys
from ..wire.specs import HostStatus
from . import machine
from .engine import Engine

LOOK = 15.0
REFRESH = 60.0


def material(old: HostStatus, new: HostStatus) -> bool:
    """Whether ``new`` says something that planning or a reader would want to know at once."""
    if (old.jobs, old.docker, old.address, old.memory_total) != (new.jobs, new.docker, new.address, new.memory_total):
        return True
    memory = abs(old.memory_available - new.memory_available) > 0.1 * max(1, new.memory_total)
    disk = abs(old.disk_free - new.disk_free) > 0.05 * max(1, new.disk_total)
    return memory or disk or abs(old.load - new.load) > max(1.0, 0.5 * new.cpus)


class Presence:
    """Writes the HostStatus of this host.

    Args:
        base: host, address, url and start of the agent; the rest is measured.
        folder: its disk is the one reported.
        jobs: gives the number of jobs at the moment.
    """

    def __init__(self, store: Store, engine: Engine, base: HostStatus, folder: Path, jobs: Callable[[], int]) -> None:
        self._store, self._engine, self._base = store, engine, base
        self._folder, self._jobs = folder, jobs
        self.lease: Lease | None = None
        self._written: tuple[int, HostStatus] | None = None
        self._due = asyncio.Event()

    def renewed(self) -> None:
        """There is a new lease: write at once, or the host would seem to be away."""
        self._due.set()

    async def status(self) -> HostStatus:
        """The host now."""
        figures = machine.figures(self._folder)
        docker = self._base.docker or await self._engine.version()
        self._base = replace(self._base, docker=docker, version=__version__)
        now = time.time()
        return replace(self._base, updated=now, jobs=self._jobs(), **figures)  # type: ignore[arg-type]

    async def run(self) -> None:
        """Keep the key in step. Never returns."""
        assert self.lease is not None
        while True:
            await self.write(await self.lease.ready())
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._due.wait()
            self._due.clear()

    async def write(self, lease: int) -> None:
        """Write the status under ``lease``, unless it is there and nothing material changed."""
        status = await self.status()
        if self._written is not None:
            old_lease, old = self._written
            if old_lease == lease and not material(old, status) and status.updated - old.updated < REFRESH:
                return
        await self._store.put(keys.host_status(status.host), encode(status), lease=lease)
        self._written = (lease, status)


def load_lease(path: Path) -> int:
    """The id of the lease that the agent's former life held; 0 when there is none to read."""
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def save_lease(path: Path, lease: int) -> None:
    """Note ``lease`` for the agent's next life."""
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps({"id": lease}), encoding="utf-8")
    partial.rename(path)
