"""Each job's ``/app``: an overlay of its slug as a Docker volume, written to by the job and thrown away with it."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from ..wire.specs import JobSpec
from .containers import labels
from .engine import Engine

OWNER = 1000


class Volumes:
    """Volumes named like their jobs, with ``upper`` and ``work`` below ``folder/<job>/``."""

    def __init__(self, engine: Engine, folder: Path, host: str) -> None:
        self._engine, self._folder, self._host = engine, folder, host

    async def make(self, spec: JobSpec, lower: Path) -> None:
        """The volume of a job over ``lower``."""
        home = self._folder / spec.id
        await asyncio.to_thread(_empty, home)
        options = f"lowerdir={lower},upperdir={home}/upper,workdir={home}/work"
        driver = {"type": "overlay", "device": "overlay", "o": options}
        await self._engine.create_volume(spec.id, driver, labels(spec, self._host))

    async def reset(self, job: str) -> None:
        """Throw away what the job wrote; only while its container does not run (the volume is not mounted)."""
        await asyncio.to_thread(_empty, self._folder / job)

    async def drop(self, job: str) -> None:
        """Remove the volume and what was written to it."""
        await self._engine.remove_volume(job)
        await asyncio.to_thread(shutil.rmtree, self._folder / job, True)


def _empty(home: Path) -> None:
    for name in ("upper", "work"):
        shutil.rmtree(home / name, ignore_errors=True)
        (home / name).mkdir(parents=True)
    os.chown(home / "upper", OWNER, OWNER)
