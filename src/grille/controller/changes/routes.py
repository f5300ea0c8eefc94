"""Routes made, changed and deleted: each a draft of one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...service.http import not_found
from ...wire import keys, names
from ...wire.errors import Conflict, Unprocessable
from ...wire.route_body import FIELDS, body_of, draw_route, only
from ...wire.route_rules import check_route
from ...wire.routing import Route
from ..records import Records
from . import checks, route_address
from .draft import Draft
from .route_targets import own_process, target_app

MOST = 100  # of one app: they go with it, in one transaction
LOCK = f"{keys.LOCKS}routes"  # written with every route, so that two at once cannot take the same address


def put_route(records: Records, ident: str, body: Mapping[str, Any], now: float, ports: range) -> Draft:
    """PUT /routes/<id>: the whole route; what ``body`` leaves out has its default.

    Args:
        ports: the routers', for tcp routes.
    Raises:
        InvalidValue, NotFound (the app), Conflict (the address or the id is taken), Unprocessable (a process type or
        a target is not there, too many routes, no port is free).
    """
    names.check_label("route", ident)
    checks.existing_app(records, str(body.get("app") or ""), "given a route")
    tcp = body.get("kind") == "tcp" and not body.get("port")
    port = route_address.free_port(records, ident, ports) if tcp else 0
    route = check_route(draw_route(ident, body, now, port))
    return _written(records, route, ports)


def patch_route(records: Records, ident: str, body: Mapping[str, Any], now: float, ports: range) -> Draft:
    """PATCH /routes/<id>: the fields in ``body`` (a part like ``limits`` as a whole), the others as they are."""
    former = _known(records, ident)
    only(body, FIELDS, "a route")
    return put_route(records, ident, {**body_of(former), **body}, now, ports)


def delete_route(records: Records, ident: str) -> Draft:
    """DELETE /routes/<id>; raises NotFound."""
    former = _known(records, ident)
    draft = Draft(records, {"route": former, "former": former, "changed": True, "warnings": []})
    draft.delete(keys.route(ident))
    return draft


def check_free(draft: Draft, route: Route) -> None:
    """Raise Conflict when another route has the address already; nobody can take it before ``draft`` is written."""
    route_address.check_free(draft.records, route)
    draft.put(LOCK, route.id)


def _known(records: Records, ident: str) -> Route:
    found = records.routes.get(ident)
    if found is None:
        raise not_found("route", ident, "see the routes with GET /routes")
    return found


def _written(records: Records, route: Route, ports: range) -> Draft:
    former = records.routes.get(route.id)
    _check_owner(records, route, former)
    own_process(records, route)
    theirs = {target_app(records, target.service) for target in route.targets}
    if former is not None:
        route = replace(route, created=former.created)
    told = {"route": route, "former": former, "warnings": route_address.warnings(records, route)}
    if route == former:
        return Draft(records, {**told, "changed": False})
    route_address.check_port(route, ports)
    draft = Draft(records, {**told, "changed": True}, 200 if former else 201)
    check_free(draft, route)
    for app in sorted({route.app, *theirs}):
        draft.check(keys.app(app))
    draft.put(keys.route(route.id), route)
    return draft


def _check_owner(records: Records, route: Route, former: Route | None) -> None:
    if former is not None and former.app != route.app:
        raise Conflict(f"route {route.id!r} belongs to app {former.app!r}", remedy="use another id", code="route_taken")
    if former is None and sum(other.app == route.app for other in records.routes.values()) >= MOST:
        raise Unprocessable(
            f"app {route.app!r} has {MOST} routes already", remedy="delete some", code="too_many_routes"
        )
