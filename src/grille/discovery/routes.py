"""The table of calls: each entry registers a route and describes it, so that the two cannot differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from ..service.http import Handler, needs
from .query import parameters


@dataclass(frozen=True)
class Parameter:
    """A query parameter. ``kind``: its JSON type; a name that ends in a dot stands for all that begin so."""

    name: str
    says: str
    kind: str = "string"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One call.

    Args:
        role: the least token that may call; empty: anybody.
        says: what it does, in one line.
        body: the record in the request's body, if any.
        gives: the record in the answer, by status.
        streams: it may answer with server-sent events.
    """

    method: str
    path: str
    role: str
    handler: Handler
    says: str
    query: tuple[Parameter, ...] = ()
    body: type | None = None
    gives: dict[int, type]
    streams: bool = False


TABLE = web.AppKey("table", list[Route])


def add(app: web.Application, routes: Iterable[Route]) -> None:
    """Register ``routes`` and have them described; parameters that a route does not name are refused."""
    table = app.setdefault(TABLE, [])
    for route in routes:
        handler = _checked(route)
        app.router.add_route(route.method, route.path, needs(route.role)(handler) if route.role else handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, needs(route.role)(handler) if route.role else handler)
        table.append(route)


def _checked(route: Route) -> Handler:
    known = tuple(each.name for each in route.query)

    async def handler(request: web.Request) -> web.StreamResponse:
        request["parameters"] = parameters(request.query.items(), known)
        return await route.handler(request)

    return handler
