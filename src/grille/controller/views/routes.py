"""Routes, what holds for an app's routes, and the routers that carry them out."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from ...service.http import answer, json_body, not_found, seconds
from ...wire import keys
from ...wire.errors import InvalidValue
from ...wire.routing import AppRouting, Route
from .. import present_routes
from ..changes import app_routing, route_address, routes
from ..changes.draft import Draft
from ..context import Context
from ..records import Records
from .common import Decide, app_records, context, route

MOST_WAIT = 120.0  # seconds that a request may wait for routers


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "GET", "/routes", "read", index)
    route(app, "GET", "/routes/{route}", "read", show)
    route(app, "PUT", "/routes/{route}", "deploy", put)
    route(app, "PATCH", "/routes/{route}", "deploy", patch)
    route(app, "DELETE", "/routes/{route}", "deploy", delete)
    route(app, "GET", "/routers", "read", index_routers)
    route(app, "GET", "/apps/{app}/routing", "read", show_app_routing)
    route(app, "PUT", "/apps/{app}/routing", "deploy", put_app_routing)


async def index(request: web.Request) -> web.Response:
    """All routes by address; ``?app=``: those of one app."""
    here = context(request)
    records, edge = here.known(), here.config.edge
    found = present_routes.routes(records, request.query.get("app", ""))
    return answer([present_routes.shown(records, one, edge) for one in found])


async def show(request: web.Request) -> web.Response:
    """One route; ``?wait=``: once no live router has it pending, or after so many seconds."""
    here, ident = context(request), request.match_info["route"]
    wait, records = seconds(request, "wait", 0.0, MOST_WAIT), await here.fresh()
    if ident in records.routes:
        await _reflected(here, keys.route(ident), records.revision(keys.route(ident)), wait)
    found = records.routes.get(ident)
    if found is None:
        raise not_found("route", ident, "see the routes with GET /routes")
    return answer(present_routes.shown(records, found, here.config.edge))


async def put(request: web.Request) -> web.Response:
    """Make a route, or replace it."""
    ident, ports = request.match_info["route"], context(request).config.edge.tcp
    return await _change(request, lambda records, body, now: routes.put_route(records, ident, body, now, ports))


async def patch(request: web.Request) -> web.Response:
    """Change some fields of a route."""
    ident, ports = request.match_info["route"], context(request).config.edge.tcp
    return await _change(request, lambda records, body, now: routes.patch_route(records, ident, body, now, ports))


async def delete(request: web.Request) -> web.Response:
    """Remove a route."""
    ident = request.match_info["route"]
    return await _change(request, lambda records, _body, _now: routes.delete_route(records, ident))


async def index_routers(request: web.Request) -> web.Response:
    """The live routers, and the ports of tcp routes."""
    here = context(request)
    records = here.known()
    return answer(present_routes.routers(records, here.config.edge, route_address.taken(records)))


async def show_app_routing(request: web.Request) -> web.Response:
    """Maintenance and pages of an app; ``?wait=``: as for a route."""
    here, wait = context(request), seconds(request, "wait", 0.0, MOST_WAIT)
    name, _ = await app_records(request)
    if wait:
        key = keys.routing_app(name)
        await _reflected(here, key, (await here.fresh()).revision(key), wait)
    return answer(_shown(here, present_routes.app_routing(here.records, name)))


async def put_app_routing(request: web.Request) -> web.Response:
    """Change maintenance and pages of an app."""
    name = request.match_info["app"]
    return await _change(request, lambda records, body, _now: app_routing.put_app_routing(records, name, body))


async def _change(request: web.Request, decide: Decide) -> web.Response:
    """Carry out a change; ``?wait=``: answer once routers reflect it; ``?dry_run=1``: only say what it would do."""
    here, body = context(request), await json_body(request)
    wait, dry = seconds(request, "wait", 0.0, MOST_WAIT), _flag(request, "dry_run")

    def made(records: Records) -> Draft:
        return decide(records, body, time.time())

    draft = made(await here.fresh()) if dry else await here.commit(made)
    key, revision = _reflects(draft)
    if wait and not dry:
        await _reflected(here, key, revision, wait)
    told = {name: _shown(here, value, dry) for name, value in draft.answer.items()}
    if request.method == "DELETE":
        told["status"] = present_routes.status(here.records, key, revision)
    return answer(told, 200 if dry else draft.status)


def _flag(request: web.Request, name: str) -> bool:
    value = request.query.get(name, "0")
    if value not in ("0", "1"):
        raise InvalidValue(f"{name}={value} is not valid", remedy=f"use {name}=1 or leave it out")
    return value == "1"


def _reflects(draft: Draft) -> tuple[str, int]:
    """The key that a draft is about, and the revision that routers must reflect for it."""
    named: Any = draft.answer.get("route") or draft.answer["routing"]
    key = keys.route(named.id) if isinstance(named, Route) else keys.routing_app(named.app)
    return key, draft.revision or draft.records.revision(key)


def _shown(here: Context, value: Any, dry: bool = False) -> Any:
    """A part of an answer; what a dry run would make has no status yet."""
    if isinstance(value, Route):
        found = present_routes.shown(here.records, value, here.config.edge)
    elif isinstance(value, AppRouting):
        found = present_routes.shown_app_routing(here.records, value)
    else:
        return value
    return {**found, "status": {}} if dry else found


async def _reflected(here: Context, key: str, revision: int, wait: float) -> None:
    """Wait until no live router has the change pending, ``wait`` seconds at most."""
    end = time.monotonic() + wait
    while "pending" in present_routes.status(here.records, key, revision).values():
        left = end - time.monotonic()
        if left <= 0:
            return
        await here.mirror.wait(here.mirror.revision, left)
