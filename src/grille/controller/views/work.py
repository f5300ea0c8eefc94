"""Builds, one-off runs, and the tickets of all queues."""

from __future__ import annotations

import time

from aiohttp import web

from ...service.http import answer, not_found, seconds
from ...wire.specs import Ticket
from .. import present
from ..changes import work
from ..context import Context
from .common import change, context, reader, route

LONGEST = 300.0


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "POST", "/apps/{app}/builds", "deploy", build)
    route(app, "POST", "/apps/{app}/runs", "deploy", run)
    route(app, "GET", "/tickets/{ticket}", "read", show)
    route(app, "DELETE", "/tickets/{ticket}", "deploy", cancel)


async def build(request: web.Request) -> web.Response:
    """Queue a build."""
    name, keyring = request.match_info["app"], context(request).keyring
    return await change(request, lambda records, body, now: work.build(records, name, body, now, keyring))


async def run(request: web.Request) -> web.Response:
    """Queue a one-off run."""
    name = request.match_info["app"]
    return await change(request, lambda records, body, now: work.run(records, name, body, now))


async def show(request: web.Request) -> web.Response:
    """One ticket; ``?wait=S`` waits up to S seconds for it to end."""
    here, ident = context(request), request.match_info["ticket"]
    until = time.monotonic() + seconds(request, "wait", 0.0, LONGEST)
    ticket = await find(here, ident)
    while ticket.state in ("queued", "running") and (left := until - time.monotonic()) > 0:
        await here.mirror.wait(here.mirror.revision, left)
        ticket = await find(here, ident)
    return answer(present.ticket(ticket, reader(request)))


async def cancel(request: web.Request) -> web.Response:
    """Ask for a ticket's end."""
    ident = request.match_info["ticket"]
    return await change(request, lambda records, _body, _now: work.cancel(records, ident))


async def find(here: Context, ident: str) -> Ticket:
    """The ticket with this id; raises NotFound."""
    found = here.known().tickets.get(ident) or (await here.fresh()).tickets.get(ident)
    if found is None:
        raise not_found("ticket", ident, "tickets are kept for a day after they ended")
    return found
