"""A grid without containers: a real controller and etcd, and a host whose agent only writes what a real one would."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from grille.codec import decode, encode
from grille.store import Mirror, Store
from grille.wire import keys
from grille.wire.specs import HostStatus, Instance, JobSpec, JobState, JobStatus
from tests.support.daemon import Daemon

Outcome = tuple[JobState, int | None]
Play = Callable[[JobSpec], Awaitable[Outcome]]
DOMAIN = "grille.test"
KEY = b"a key for tests"
SLUG = b"a squashfs, as far as shelf can tell"
DIGEST = hashlib.sha256(SLUG).hexdigest()


async def until(what: str, holds: Callable[[], Awaitable[bool]], timeout: float = 15.0) -> None:
    """Wait for ``holds()``; fails naming ``what``."""
    end = time.monotonic() + timeout
    while not await holds():
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        await asyncio.sleep(0.05)


class Host:
    """Plays a host's agent by the store's contract: statuses, registrations, keys deleted at the end, log lines.

    ``play`` decides how a job ends up; services come up, one-off runs exit with ``EXIT`` of their environment.
    """

    def __init__(self, store: Store, name: str = "h1") -> None:
        self.name, self._store = name, store
        self._mirror = Mirror(store, keys.jobs_of(name))
        self._tasks: list[asyncio.Task[Any]] = []
        self._runner: web.AppRunner | None = None
        self.play: Play = self.usual
        self.busy = False  # an agent that does nothing for now
        self.seen: dict[str, JobSpec] = {}  # every job ever started, by id
        self._known: set[str] = set()

    async def start(self) -> Host:
        """Appear in the store and begin."""
        app = web.Application()
        app.router.add_get("/jobs/{job}/logs", self._logs)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        status = HostStatus(
            host=self.name,
            address="127.0.0.1",
            url=f"http://127.0.0.1:{port}",
            started=time.time(),
            updated=time.time(),
            cpus=2,
            load=0.0,
            memory_total=8192,
            memory_available=8192,
            disk_total=10**11,
            disk_free=10**11,
            jobs=0,
        )
        await self._store.put(keys.host_status(self.name), encode(status))
        self._tasks = [asyncio.create_task(self._mirror.run()), asyncio.create_task(self._loop())]
        return self

    async def stop(self) -> None:
        """Leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    def leave_alone(self, job: str) -> None:
        """Take a job as started already."""
        self._known.add(job)

    async def usual(self, spec: JobSpec) -> Outcome:
        """Services come up, all else exits."""
        if spec.env.get("BOOM"):
            return "failed", 3
        return ("up", None) if spec.kind == "service" else ("exited", int(spec.env.get("EXIT", "0")))

    async def _logs(self, request: web.Request) -> web.Response:
        line = {"stream": "stdout", "text": f"said by {request.match_info['job']}", "time": time.time()}
        return web.json_response({"lines": [line], "cursor": "1.1", "done": True})

    async def _loop(self) -> None:
        revision = 0
        while True:
            revision = await self._mirror.wait(revision, 0.2)
            for key, entry in list(self._mirror.entries.items()):
                if key.endswith("/spec") and not self.busy:
                    await self._job(decode(JobSpec, entry.value))

    async def _job(self, spec: JobSpec) -> None:
        if spec.desired == "stop":
            for key in (keys.instance(spec.service or "none", spec.id), keys.job_status(spec.host, spec.id)):
                await self._store.delete(key)
            await self._store.delete(keys.job_spec(spec.host, spec.id))
            self._known.discard(spec.id)
        elif spec.id not in self._known:
            self._known.add(spec.id)
            self.seen[spec.id] = spec
            self._tasks.append(asyncio.create_task(self._run(spec)))

    async def _run(self, spec: JobSpec) -> None:
        state, code = await self.play(spec)
        now = time.time()
        if state == "up" and spec.service:
            instance = Instance(id=spec.id, service=spec.service, address="127.0.0.1", port=spec.port)
            await self._store.put(keys.instance(spec.service, spec.id), encode(instance))
        status = JobStatus(
            id=spec.id,
            host=spec.host,
            app=spec.app,
            process=spec.process,
            release=spec.release,
            state=state,
            changed=now,
            started=now,
            exit_code=code,
            reason="exited with code 3" if state == "failed" else "",
        )
        await self._store.put(keys.job_status(spec.host, spec.id), encode(status))


class Builder:
    """Plays a host's builds too: does with the signed URLs what the builder does, against a real shelf."""

    def __init__(self, host: Host, result: dict[str, Any], exit_code: int = 0, slug: bytes = SLUG) -> None:
        self._host, self.result, self.exit_code, self.slug = host, result, exit_code, slug

    async def play(self, spec: JobSpec) -> Outcome:
        """Store a slug and a result with nothing but the job's environment."""
        if spec.kind != "build":
            return await self._host.usual(spec)
        async with aiohttp.ClientSession() as session:
            async with session.get(spec.env["GRILLE_SOURCE_URL"]) as source:
                assert source.status == 200
            await session.put(spec.env["GRILLE_SLUG_URL"], data=self.slug)
            await session.put(spec.env["GRILLE_RESULT_URL"], data=json.dumps(self.result))
        return "exited", self.exit_code


class Api:
    """Calls of one controller's API."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return self._daemon.port

    @property
    def log(self) -> str:
        """What the controller wrote to its log."""
        return self._daemon.log

    async def __call__(self, method: str, path: str, body: object = None, token: str = "deploy") -> tuple[int, Any]:
        """Status and decoded body."""
        data = None if body is None else json.dumps(body).encode()
        answer = await asyncio.to_thread(self._daemon.call, method, path, data, token=token, timeout=60)
        return answer.status, answer.json

    async def done(self, ticket: str) -> dict[str, Any]:
        """The ticket when it has ended."""
        status, found = await self("GET", f"/tickets/{ticket}?wait=30")
        assert status == 200, found
        assert found["state"] in ("succeeded", "failed", "cancelled"), found
        return dict(found)

    async def deploy(self, app: str, **body: Any) -> dict[str, Any]:
        """Release and wait; the ended ticket."""
        status, made = await self("POST", f"/apps/{app}/releases", body)
        assert status == 201, made
        return await self.done(made["ticket"]["id"])


def controller(folder: Path, etcd: str, name: str = "c1") -> Daemon:
    """A controller process, not started."""
    (folder / name).mkdir()
    (folder / "shelf.key").write_bytes(KEY + b"\n")
    settings = {"ETCD": etcd, "HOST": name, "DOMAIN": DOMAIN, "SHELF_KEY": str(folder / "shelf.key")}
    settings["CONFIG_KEYS"] = str(folder / "config.keys")
    return Daemon("grille.controller", "CONTROLLER_PORT", folder / name, **settings)


async def put_job(store: Store, spec: JobSpec, state: JobState = "up") -> None:
    """Write a job that nobody planned, like one of the grid's own."""
    status = JobStatus(
        id=spec.id, host=spec.host, app=spec.app, process=spec.process, release=0, state=state, changed=spec.created
    )
    await store.put(keys.job_status(spec.host, spec.id), encode(status))
    await store.put(keys.job_spec(spec.host, spec.id), encode(spec))
