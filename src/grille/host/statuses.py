"""The jobs' statuses, written to the store behind the workers' backs: the newest only, again until it is there."""

from __future__ import annotations

import asyncio

import structlog

from ..codec import encode
from ..store import Check, Delete, Store
from ..wire import keys
from ..wire.errors import Conflict, GrilleError
from ..wire.specs import JobStatus

log = structlog.get_logger()
RETRY = 0.5
BATCH = 16


class Statuses:
    """Statuses of the jobs of ``host``; this agent alone writes them."""

    def __init__(self, store: Store, host: str) -> None:
        self._store, self._host = store, host
        self._wanted: dict[str, JobStatus] = {}
        self._written: dict[str, JobStatus] = {}
        self._revisions: dict[str, int] = {}
        self._dirty = asyncio.Event()

    def known(self, status: JobStatus, revision: int) -> None:
        """What the store has already."""
        self._written[status.id], self._revisions[status.id] = status, revision

    def say(self, status: JobStatus) -> None:
        """``status`` is to be in the store."""
        self._wanted[status.id] = status
        self._dirty.set()

    async def forget(self, job: str, spec_revision: int) -> None:
        """Delete a job's spec, if it is still at ``spec_revision`` (0: there is none), and its status.

        Raises:
            Conflict: the spec was changed meanwhile.
        """
        self._wanted.pop(job, None)
        spec = keys.job_spec(self._host, job)
        writes = [Delete(keys.job_status(self._host, job))]
        await self._store.transact([Check(spec, spec_revision)], [*writes, Delete(spec)] if spec_revision else writes)
        self._written.pop(job, None)
        self._revisions.pop(job, None)

    async def run(self) -> None:
        """Write what is not written yet. Never returns."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            due = [s for s in self._wanted.values() if self._written.get(s.id) != s][:BATCH]
            if not due:
                continue
            self._dirty.set()
            try:
                await asyncio.gather(*(self._write(status) for status in due))
            except GrilleError as error:
                log.info("statuses wait for the store", error=str(error))
                await asyncio.sleep(RETRY)

    async def _write(self, status: JobStatus) -> None:
        key = keys.job_status(self._host, status.id)
        try:
            revision = await self._store.put(key, encode(status), expect=self._revisions.get(status.id, 0))
        except Conflict:  # a write of ours whose answer was lost
            entry = await self._store.get(key)
            self._revisions[status.id] = entry.mod_revision if entry else 0
            return
        if status.id in self._wanted:
            self._revisions[status.id], self._written[status.id] = revision, status
