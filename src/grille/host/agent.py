"""The agent: a worker per job, kept in step with the store on one side and with Docker on the other."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog

from ..store import Store
from ..wire.specs import JobSpec
from .desired import Desire, Desired
from .engine import Engine
from .slugs import Slugs
from .statuses import Statuses
from .streams import Streams
from .volumes import Volumes
from .worker import Shared, Worker

log = structlog.get_logger()
RELIST = 10.0
SWEEP = 60.0
CRITICAL_FIRST = 10.0  # seconds that other jobs wait for the grid's own to be looked after


class Agent:
    """All jobs of one host. ``workers`` by job id is for readers; only the agent changes it."""

    def __init__(
        self,
        store: Store,
        desired: Desired,
        engine: Engine,
        streams: Streams,
        slugs: Slugs,
        volumes: Volumes,
        shared: Shared,
    ) -> None:
        self.store, self.desired, self.engine, self.streams, self.shared = store, desired, engine, streams, shared
        self._slugs, self._volumes = slugs, volumes
        self._label = f"grille.host={shared.place.host}"
        self.workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def _statuses(self) -> Statuses:
        return self.shared.statuses

    async def follow_store(self) -> None:
        """A worker for each job desired; those no longer desired end. Never returns."""
        jobs = await self.desired.first()
        await self._apply(jobs, first=True)
        revision = 0
        while True:
            revision = await self.desired.changed(revision)
            await self._apply(self.desired.jobs())

    async def _apply(self, jobs: dict[str, Desire], *, first: bool = False) -> None:
        for job, desire in jobs.items():
            if first and not desire.spec.critical:
                await self._critical_begun()
                first = False
            if job in self.workers:
                self.workers[job].update(desire.spec, desire.revision)
            else:
                self._employ(desire)
        for job in self.workers.keys() - jobs.keys():
            self.workers[job].release()

    def _employ(self, desire: Desire) -> None:
        if desire.status is not None:
            self._statuses.known(desire.status, desire.status_revision)
        self._begin(Worker(desire.spec, desire.revision, desire.status, self.shared))

    def _begin(self, worker: Worker) -> None:
        job = worker.spec.id
        self.workers[job] = worker
        task = asyncio.create_task(worker.run(), name=f"job {job}")
        self._tasks[job] = task
        task.add_done_callback(lambda _: self._dismiss(job, worker))

    def _dismiss(self, job: str, worker: Worker) -> None:
        if self.workers.get(job) is worker:
            del self.workers[job], self._tasks[job]

    async def _critical_begun(self) -> None:
        waits = [worker.begun.wait() for worker in self.workers.values()]
        if waits:
            try:
                async with asyncio.timeout(CRITICAL_FIRST):
                    await asyncio.gather(*waits)
            except TimeoutError:
                log.warning("the grid's own jobs take long to start; going on with the others")

    async def follow_docker(self) -> None:
        """Look at a job's container whenever Docker says that it changed; at all after each reconnect."""
        filters = {"type": ["container"], "event": ["die", "destroy", "oom"], "label": [self._label]}
        async for event in self.streams.events(filters):
            if not event:
                for worker in self.workers.values():
                    worker.look(fresh=True)
                await self._compare()
                continue
            name = event.get("Actor", {}).get("Attributes", {}).get("name", "")
            if worker_of := self.workers.get(name):
                worker_of.look()

    async def relist(self) -> None:
        """Compare all containers with what the workers believe, now and then. Never returns."""
        while True:
            await asyncio.sleep(RELIST)
            await self._compare()

    async def _compare(self) -> None:
        listed = await self.engine.containers(self._label)
        for job, worker in list(self.workers.items()):
            summary, container = listed.get(job), worker.container
            believed = (container.id, container.running) if container else None
            shown = (summary["Id"], summary["State"] == "running") if summary else None
            if believed != shown:
                worker.look()
        for name, summary in listed.items():
            if name not in self.workers and self.desired.live and summary["Labels"].get("grille.job") == name:
                self._end_orphan(name, summary["Labels"])

    def _end_orphan(self, name: str, labels: dict[str, Any]) -> None:
        """End a container that the store knows nothing of."""
        if name in self.desired.jobs():
            return
        log.warning("container without a spec, ending it", job=name)
        spec = JobSpec(
            id=name,
            host=self.shared.place.host,
            app=labels.get("grille.app", ""),
            process=labels.get("grille.process", ""),
            release=int(labels.get("grille.release") or 0),
            kind="service",
            image="",
            created=time.time(),
            desired="stop",
        )
        self._begin(Worker(spec, 0, None, self.shared, orphan=True))

    async def sweep(self) -> None:
        """Drop slugs that nobody uses and volumes without a job. Never returns."""
        while True:
            await asyncio.sleep(SWEEP)
            if not self.desired.live:
                continue
            specs = [worker.spec for worker in self.workers.values()]
            await self._slugs.sweep({spec.slug.digest for spec in specs if spec.slug})
            for volume in await self.engine.volumes(self._label):
                if volume not in self.workers:
                    await self._volumes.drop(volume)

    async def acted_on(self, job: str, revision: int, timeout: float) -> None:
        """Wait until the spec of ``job`` at ``revision`` is being acted on, or ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            worker = self.workers.get(job)
            if worker is not None and worker.decided >= revision:
                return
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Let go of all jobs; their containers run on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
