"""Routes: a host and a path of requests that go to one app's process type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...service.http import not_found
from ...wire import keys, names
from ...wire.errors import Conflict, InvalidValue, Unprocessable
from ...wire.routing import Route
from ..records import Records
from . import checks
from .draft import Draft

PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,200}\Z")
MOST = 100  # of one app
KEYS = ("host", "path", "app", "process")
LOCK = f"{keys.LOCKS}routes"  # written with every new route, so that two at once cannot take the same address


def put_route(records: Records, ident: str, body: Mapping[str, Any], now: float) -> Draft:
    """PUT /routes/<id>. At most 100 routes per app: they go with it, in one transaction.

    Raises:
        InvalidValue, NotFound (the app), Unprocessable (the process type), Conflict (the address is taken).
    """
    names.check_label("route", ident)
    checks.only(body, KEYS)
    app = checks.existing_app(records, str(body.get("app") or ""), "given a route").name
    process = checks.text(body, "process") or "web"
    _check_process(records, app, process)
    host = names.check_hostname(str(body.get("host") or "").lower())
    route = Route(id=ident, host=host, path=_path(body), service=f"{app}-{process}", created=now, app=app)
    former = records.routes.get(ident)
    if former is not None and former.app != app:
        raise Conflict(f"route {ident!r} belongs to app {former.app!r}", remedy="use another id", code="route_taken")
    if former is not None and replace(former, created=now) == route:
        return Draft(records, {"route": former, "changed": False})
    if former is None and sum(other.app == app for other in records.routes.values()) >= MOST:
        raise Unprocessable(f"app {app!r} has {MOST} routes already", remedy="delete some", code="too_many_routes")
    draft = Draft(records, {"route": route, "changed": True}, 200 if former else 201)
    check_free(draft, route)
    draft.check(keys.app(app))
    draft.put(keys.route(ident), replace(route, created=former.created if former else now))
    return draft


def delete_route(records: Records, ident: str) -> Draft:
    """DELETE /routes/<id>; raises NotFound."""
    former = records.routes.get(ident)
    if former is None:
        raise not_found("route", ident, "see the routes with GET /routes")
    draft = Draft(records, {"route": former, "changed": True})
    draft.delete(keys.route(ident))
    return draft


def check_free(draft: Draft, route: Route) -> None:
    """Raise Conflict when another route has the address already; nobody can take it before ``draft`` is written."""
    for other in draft.records.routes.values():
        if other.id != route.id and (other.host, other.path) == (route.host, route.path):
            raise Conflict(
                f"{route.host}{route.path} belongs to app {other.app!r} (route {other.id!r})",
                remedy="use another host or path, or delete that route",
                code="route_taken",
            )
    draft.put(LOCK, route.id)


def _check_process(records: Records, app: str, process: str) -> None:
    names.check_process(process)
    current = records.current(app)
    if current is None:
        return
    if process not in current.processes:
        raise checks.unknown_process(process, current.processes, f"release {current.version} of {app}")
    if not current.processes[process].port:
        raise Unprocessable(
            f"process type {process!r} of {app} listens on no port",
            remedy="route to one that does, or give it a port in settings",
            code="no_port",
        )


def _path(body: Mapping[str, Any]) -> str:
    path = checks.text(body, "path") or "/"
    if not PATH.match(path) or "//" in path:
        raise InvalidValue(f"path {path!r} is not valid", remedy="use one like / or /api", code="invalid_path")
    return path.rstrip("/") or "/"
