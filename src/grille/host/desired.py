"""What this host should run: a mirror of its jobs in the store, and a copy on disk for when the store is away."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from ..codec import convert, decode, plain
from ..store import Mirror, Store
from ..wire import keys
from ..wire.errors import InvalidValue
from ..wire.specs import JobSpec, JobStatus

log = structlog.get_logger()
T = TypeVar("T")
CACHE_PAUSE = 1.0  # seconds between two writes of the copy
PATIENCE = 5.0  # seconds that the store has at the agent's start before the copy is acted on


@dataclass(frozen=True)
class Desire:
    """One job: its spec, the revision of it, and the status that the store has."""

    spec: JobSpec
    revision: int
    status: JobStatus | None
    status_revision: int


class Desired:
    """The jobs of ``host``; ``live`` once the store has listed them."""

    def __init__(self, store: Store, host: str, cache: Path) -> None:
        self._prefix = keys.jobs_of(host)
        self._mirror = Mirror(store, self._prefix)
        self._cache = cache
        self._bad: dict[str, int] = {}

    @property
    def live(self) -> bool:
        """Whether the store has been listed since the agent's start."""
        return self._mirror.revision > 0

    async def follow(self) -> None:
        """Keep in step with the store. Never returns."""
        await self._mirror.run()

    async def first(self) -> dict[str, Desire]:
        """The jobs from the store, or from the copy on disk when the store does not answer in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._mirror.ready()
        except TimeoutError:
            log.warning("the store does not answer: acting on the copy on disk", copy=str(self._cache))
            return await asyncio.to_thread(self._load)
        return self.jobs()

    async def changed(self, after: int) -> int:
        """Wait until the store's jobs are newer than ``after``; their revision."""
        return await self._mirror.wait(after)

    def jobs(self) -> dict[str, Desire]:
        """The jobs as the store has them, critical ones first."""
        found: dict[str, Desire] = {}
        for key, entry in self._mirror.entries.items():
            job, _, what = key[len(self._prefix) :].partition("/")
            if what != "spec":
                continue
            spec = self._decoded(JobSpec, key)
            if spec is not None and spec.id == job:
                status_key = f"{self._prefix}{job}/status"
                status = self._mirror.entries.get(status_key)
                revision = status.mod_revision if status else 0
                known = self._decoded(JobStatus, status_key) if status else None
                found[job] = Desire(spec, entry.mod_revision, known, revision)
        return dict(sorted(found.items(), key=lambda item: (not item[1].spec.critical, item[0])))

    def _decoded(self, kind: type[T], key: str) -> T | None:
        entry = self._mirror.entries[key]
        try:
            return decode(kind, entry.value, what=key)
        except InvalidValue as error:
            if self._bad.get(key) != entry.mod_revision:
                self._bad[key] = entry.mod_revision
                log.error("record ignored", key=key, error=error.message)
            return None

    async def keep_copy(self) -> None:
        """Write the copy whenever the store's jobs changed. Never returns."""
        revision = 0
        while True:
            revision = await self._mirror.wait(revision)
            rows = [plain(desire) for desire in self.jobs().values()]
            await asyncio.to_thread(self._write, rows)
            await asyncio.sleep(CACHE_PAUSE)

    def _write(self, rows: list[object]) -> None:
        partial = self._cache.with_suffix(".part")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(rows, file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._cache)

    def _load(self) -> dict[str, Desire]:
        try:
            rows = json.loads(self._cache.read_text(encoding="utf-8"))
            desires = [convert(Desire, row, what=str(self._cache)) for row in rows]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, InvalidValue) as error:
            log.error("the copy of the desired state cannot be read", error=str(error))
            return {}
        return {desire.spec.id: desire for desire in desires}
