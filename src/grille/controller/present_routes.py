"""Routes and routers as users see them: addresses, and what each router has made of a route."""

from __future__ import annotations

from typing import Any

from ..codec import plain
from ..wire import keys
from ..wire.route_body import process_of
from ..wire.route_table import address
from ..wire.routing import AppRouting, Route
from .config import Edge
from .records import Records

WEB_PORTS = {"http": 80, "https": 443}
LISTED = {"http": 0, "tls": 1, "tcp": 2}  # the order in which kinds are listed


def url(route: Route | None, edge: Edge) -> str:
    """Where a route's requests are sent to; empty without a route."""
    if route is None:
        return ""
    if route.kind == "tcp":
        return f"tcp://{route.app}.{edge.domain}:{route.port}"
    if route.kind == "tls":
        return f"tls://{route.host}:{edge.https}"
    scheme, port = ("https", edge.https) if route.https_only else ("http", edge.http)
    return f"{scheme}://{route.host}{'' if port == WEB_PORTS[scheme] else f':{port}'}{route.path}"


def routes(records: Records, name: str = "") -> list[Route]:
    """The routes of an app, or all, by address."""
    mine = (one for one in records.routes.values() if name in ("", one.app))
    return sorted(mine, key=lambda one: (LISTED[one.kind], one.host, one.path, one.port))


def first_route(records: Records, name: str) -> Route | None:
    """The route whose address is told as the app's: its default one, else the first."""
    own = records.routes.get(name)
    return own if own and own.app == name else next(iter(routes(records, name)), None)


def shown(records: Records, route: Route, edge: Edge) -> dict[str, Any]:
    """A route: its record, its process type, address and URL, and its status at each live router."""
    return {
        **plain(route),
        "process": process_of(route.app, route.service),
        "address": address(route),
        "url": url(route, edge),
        "status": status(records, keys.route(route.id), records.revision(keys.route(route.id))),
    }


def status(records: Records, key: str, revision: int) -> dict[str, str]:
    """What each live router has made of the change of ``key`` at ``revision``: applied, pending or refused: why."""
    found = {}
    for ident, router in sorted(records.routers.items()):
        told = router.revision >= revision
        refused = router.refused.get(key)
        found[ident] = "pending" if not told else f"refused: {refused}" if refused else "applied"
    return found


def routers(records: Records, edge: Edge, taken: dict[int, str]) -> dict[str, Any]:
    """The live routers, whether each reflects the newest change, and the ports for tcp routes with those taken."""
    found = [
        {**plain(one), "in_step": one.revision >= records.routed}
        for one in sorted(records.routers.values(), key=lambda one: one.id)
    ]
    named = {str(port): taken[port] for port in sorted(taken)}
    ports = {"first": min(edge.tcp, default=None), "last": max(edge.tcp, default=None), "taken": named}
    return {"routers": found, "revision": records.routed, "tcp": ports}


def app_routing(records: Records, name: str) -> AppRouting:
    """What holds for an app's routes; the defaults when nobody set anything."""
    return records.routing.get(name) or AppRouting(app=name)


def shown_app_routing(records: Records, record: AppRouting) -> dict[str, Any]:
    """What holds for an app's routes, and its status at each live router."""
    key = keys.routing_app(record.app)
    return {**plain(record), "status": status(records, key, records.revision(key))}
