"""Routes."""

from __future__ import annotations

from aiohttp import web

from ...service.http import answer
from .. import present
from ..changes import routes
from .common import change, context, route


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "GET", "/routes", "read", index)
    route(app, "PUT", "/routes/{route}", "deploy", put)
    route(app, "DELETE", "/routes/{route}", "deploy", delete)


async def index(request: web.Request) -> web.Response:
    """All routes by address; ``?app=``: those of one app."""
    return answer(present.routes(context(request).known(), request.query.get("app", "")))


async def put(request: web.Request) -> web.Response:
    """Make a route, or change it."""
    ident = request.match_info["route"]
    return await change(request, lambda records, body, now: routes.put_route(records, ident, body, now))


async def delete(request: web.Request) -> web.Response:
    """Remove a route."""
    ident = request.match_info["route"]
    return await change(request, lambda records, _body, _now: routes.delete_route(records, ident))
