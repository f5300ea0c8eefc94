"""The jobs' keys under services/, kept in the store under the agent's one lease. Level-triggered.

Callers say what should be there; the loop makes it so, again after each failure and each new lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ..codec import encode
from ..store import Store
from ..wire import keys
from ..wire.errors import GrilleError
from ..wire.specs import Instance
from .model import Registration

log = structlog.get_logger()
RETRY = 0.5
BATCH = 16  # keys written at once


class Registry:
    """Registrations of this host's jobs.

    Args:
        changed: called with a job's id when its key was written or deleted.
    """

    def __init__(self, store: Store, changed: Callable[[str], None]) -> None:
        self._store, self._changed = store, changed
        self._lease = 0
        self._wanted: dict[str, Instance] = {}  # by job
        self._there: dict[str, tuple[int, Instance, int]] = {}  # job: lease, instance, revision
        self._doomed: dict[str, str] = {}  # job: key to delete
        self._gone: dict[str, int] = {}
        self._dirty = asyncio.Event()

    def want(self, job: str, instance: Instance) -> None:
        """``instance`` is to be in the store, for the job."""
        if self._wanted.get(job) != instance:
            self._wanted[job] = instance
            self._doomed.pop(job, None)
            self._dirty.set()

    def unwant(self, job: str) -> None:
        """The job is not to be in the store."""
        if (instance := self._wanted.pop(job, None)) is not None:
            self.doom(job, instance.service, instance.id)

    def doom(self, job: str, service: str, ident: str) -> None:
        """Delete the job's key, which may be there from a former life of the agent."""
        self._doomed[job] = keys.instance(service, ident)
        self._dirty.set()

    def forget(self, job: str) -> None:
        """Nobody will ask for the job any more; a deletion under way goes on."""
        self.unwant(job)
        self._gone.pop(job, None)

    def state(self, job: str) -> Registration:
        """Whether the job's key is in the store, and since which revision."""
        if job in self._doomed:
            return Registration(gone=None)
        there = self._there.get(job)
        if there is None:
            return Registration(gone=None if job in self._wanted else self._gone.get(job, 1))
        current = there[0] == self._lease and there[1] == self._wanted.get(job)
        return Registration(revision=there[2] if current else 0, gone=None)

    async def renewed(self, lease: int) -> None:
        """Write everything (again) under ``lease``."""
        self._lease = lease
        self._dirty.set()

    async def run(self) -> None:
        """Make the store as wanted. Never returns."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            work = self._work()
            if not work:
                continue
            self._dirty.set()
            results = await asyncio.gather(*work, return_exceptions=True)
            failures = [result for result in results if isinstance(result, BaseException)]
            for failure in failures:
                if not isinstance(failure, GrilleError):
                    raise failure
            if failures:
                log.info("registration waits for the store", error=str(failures[0]))
                await asyncio.sleep(RETRY)

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        deletes = [self._delete(job, key) for job, key in list(self._doomed.items())[:BATCH]]
        if not self._lease:
            return deletes
        missing = [
            (job, instance)
            for job, instance in self._wanted.items()
            if self._there.get(job, (0, None, 0))[:2] != (self._lease, instance)
        ]
        return deletes + [self._put(job, instance) for job, instance in missing[: BATCH - len(deletes)]]

    async def _put(self, job: str, instance: Instance) -> None:
        lease, key, value = self._lease, keys.instance(instance.service, instance.id), encode(instance)
        entry = await self._store.get(key)
        if entry is not None and entry.lease == lease and entry.value == value:
            revision = entry.mod_revision
        else:
            revision = await self._store.put(key, value, lease=lease)
        self._there[job] = (lease, instance, revision)
        self._changed(job)

    async def _delete(self, job: str, key: str) -> None:
        revision = await self._store.delete(key)
        if job not in self._wanted:
            self._gone[job] = revision or 1
        self._there.pop(job, None)
        self._doomed.pop(job, None)
        self._changed(job)
