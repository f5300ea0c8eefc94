"""The grid as a whole: hosts, jobs, queues, deployments, events, metrics."""

from __future__ import annotations

import time

from aiohttp import web

from ...service.http import answer, event_stream
from .. import present
from .common import context, reader, route


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "GET", "/hosts", "read", hosts)
    route(app, "GET", "/jobs", "read", jobs)
    route(app, "GET", "/queues", "read", queues)
    route(app, "GET", "/deployments", "read", deployments)
    route(app, "GET", "/events", "read", events)
    route(app, "GET", "/metrics", "read", metrics)
    route(app, "GET", "/status", "read", status)


async def hosts(request: web.Request) -> web.Response:
    """The hosts that are up; with ``?gone=1`` also those that have jobs and are away."""
    return answer(present.hosts(context(request).known(), request.query.get("gone") == "1"))


async def jobs(request: web.Request) -> web.Response:
    """All jobs, those of ``?app=``, those on ``?host=``."""
    records, app, host = context(request).known(), request.query.get("app", ""), request.query.get("host", "")
    found = records.jobs_of(app) if app else sorted(records.jobs.values(), key=lambda one: one.spec.id)
    return answer([present.job(one) for one in found if host in ("", one.spec.host)])


async def queues(request: web.Request) -> web.Response:
    """The queues: depths, limits, what waits."""
    here = context(request)
    return answer(present.queues(here.known(), here.config.limits, time.time()))


async def deployments(request: web.Request) -> web.Response:
    """The tickets of deployments, newest first; ``?app=``: of one app."""
    found, secret = context(request).known().deployments(request.query.get("app", "")), reader(request)
    return answer([present.ticket(one, secret) for one in found])


async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events from now on; ``?app=``: those of one app."""
    here = context(request)
    here.known()
    return await event_stream(request, here.hub.stream(request.query.get("app", ""), here.mirror.revision))


async def metrics(request: web.Request) -> web.Response:
    """This controller's figures in Prometheus' text format."""
    here = context(request)
    body = here.metrics.render(here.known(), here.election.leads())
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def status(request: web.Request) -> web.Response:
    """This controller: who leads, how far its mirror is."""
    here = context(request)
    return answer(
        {
            "identity": here.config.identity,
            "leader": here.election.leader,
            "leads": here.election.leads(),
            "revision": here.mirror.revision,
            "connected": here.mirror.connected,
        }
    )
