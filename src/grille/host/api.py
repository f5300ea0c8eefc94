"""The agent's HTTP API over its jobs (docs/contracts.md, "Host agent"); logs and attach are in ``output``."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiohttp import web

from ..codec import convert, decode, encode, plain
from ..service.http import TOKENS, answer, application, event_stream, json_body, needs, not_found
from ..service.tokens import Tokens
from ..store import Entry
from ..wire import keys
from ..wire.specs import JobSpec
from .agent import Agent
from .checks import check_removable, check_right, check_spec
from .hub import Hub
from .machine import Cgroups
from .metrics import exposition
from .output import Output
from .presence import Presence
from .worker import Worker

CATCH_UP = 2.0  # seconds that a write may take to be acted on before it is answered


class Api:
    """Handlers over one agent."""

    def __init__(self, agent: Agent, presence: Presence, hub: Hub, cgroups: Cgroups, tokens: Tokens) -> None:
        self._agent, self._presence, self._hub, self._cgroups = agent, presence, hub, cgroups
        self._tokens = tokens
        self._host = agent.shared.place.host

    def application(self) -> web.Application:
        """The application with all routes."""
        app = application(self._tokens)
        output = Output(self._agent)
        app.add_routes(
            [
                web.get("/jobs", needs("read")(self.jobs)),
                web.get("/jobs/{job}", needs("read")(self.job)),
                web.put("/jobs/{job}", needs("deploy")(self.put)),
                web.delete("/jobs/{job}", needs("deploy")(self.delete)),
                web.get("/jobs/{job}/logs", needs("read")(output.logs)),
                web.get("/jobs/{job}/attach", needs("deploy")(output.attach)),
                web.get("/events", needs("read")(self.events)),
                web.get("/status", needs("read")(self.status)),
                web.get("/metrics", needs("read")(self.metrics)),
            ]
        )
        return app

    async def jobs(self, request: web.Request) -> web.Response:
        """All jobs with their statuses."""
        return answer({"jobs": [_shown(worker) for worker in self._agent.workers.values()]})

    async def job(self, request: web.Request) -> web.Response:
        """One job with its status."""
        name = request.match_info["job"]
        worker = self._agent.workers.get(name)
        if worker is None:
            raise not_found("job", name, "see GET /jobs")
        return answer(_shown(worker))

    async def put(self, request: web.Request) -> web.Response:
        """Desire a job; ``changed`` tells whether anything differs from what was desired before."""
        job = request.match_info["job"]
        spec = check_spec(convert(JobSpec, await json_body(request), what="the job"), job, self._host)
        check_right(spec, self._role(request))
        entry = await self._entry(job)
        if entry is not None:
            old = decode(JobSpec, entry.value, what=entry.key)
            check_right(old, self._role(request))
            if replace(old, created=0) == replace(spec, created=0):
                return answer({"changed": False, "spec": old})
        await self._write(spec, entry)
        return answer({"changed": True, "spec": spec}, 200 if entry else 201)

    async def delete(self, request: web.Request) -> web.Response:
        """Desire a job's end. Poll ``GET /jobs/<id>`` until it is 404."""
        job = request.match_info["job"]
        entry = await self._entry(job)
        if entry is None:
            raise not_found("job", job, "see GET /jobs")
        spec = decode(JobSpec, entry.value, what=entry.key)
        check_removable(spec, self._role(request), request.query.get("force") == "1")
        if spec.desired == "stop":
            return answer({"changed": False}, 202)
        await self._write(replace(spec, desired="stop"), entry)
        return answer({"changed": True}, 202)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Status changes as server-sent events."""
        return await event_stream(request, self._hub.listen())

    async def status(self, request: web.Request) -> web.Response:
        """The host's status, and what each job uses."""
        status = plain(await self._presence.status())
        containers = {job: worker.container for job, worker in self._agent.workers.items()}
        usage = {
            job: self._cgroups.usage(container.id) for job, container in containers.items() if container is not None
        }
        return answer({**status, "usage": {job: used for job, used in usage.items() if used is not None}})

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus' text format."""
        body = await asyncio.to_thread(exposition, self._agent, self._cgroups)
        return web.Response(body=body, content_type="text/plain", charset="utf-8")

    def _role(self, request: web.Request) -> str:
        return request.app[TOKENS].check(request.headers.get("Authorization", ""), "read")

    async def _entry(self, job: str) -> Entry | None:
        return await self._agent.store.get(keys.job_spec(self._host, job))

    async def _write(self, spec: JobSpec, entry: Entry | None) -> None:
        key = keys.job_spec(self._host, spec.id)
        revision = await self._agent.store.put(key, encode(spec), expect=entry.mod_revision if entry else 0)
        await self._agent.acted_on(spec.id, revision, CATCH_UP)


def _shown(worker: Worker) -> dict[str, object]:
    return {"spec": worker.spec, "status": worker.status()}
