"""The table of routes as people read it: an address and, beside it, what differs from the defaults. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .route_body import body_of
from .route_rules import default_idle
from .routing import ANY_HOST, Route

ALWAYS = ("app", "process")  # shown in every row
ADDRESS = ("host", "path", "port", "kind")  # not shown: the address tells
USUAL = Route(id="usual", host="", service="usual-web", created=0.0, app="usual")


def address(route: Route) -> str:
    """What no other route has: ``shop.example.org/api``, ``tcp 20000``, ``tls db.example.org``."""
    if route.kind == "http":
        return f"{route.host}{route.path}"
    return f"tcp {route.port}" if route.kind == "tcp" else f"tls {route.host}"


def row(route: Route) -> dict[str, Any]:
    """A route's row: its id, app and process type, and all that is not as usual."""
    usual, body = body_of(USUAL) | {"idle_timeout": default_idle(route.kind)}, body_of(route)
    shown = {name: body[name] for name in body if name in ALWAYS or body[name] != usual[name]}
    return {"id": route.id, **{name: _brief(shown[name]) for name in shown if name not in ADDRESS}}


def _brief(value: Any) -> Any:
    """A part of a route without what is empty or 0 in it."""
    return {name: one for name, one in value.items() if one} if isinstance(value, Mapping) else value


def table(routes: Iterable[Route]) -> dict[str, dict[str, Any]]:
    """Rows by address."""
    return {address(route): row(route) for route in sorted(routes, key=address)}


def covers(pattern: str, host: str) -> bool:
    """Whether every request for ``host`` (exact or a pattern itself) is one for ``pattern`` too."""
    if pattern in (ANY_HOST, host):
        return True
    return pattern.startswith("*.") and host != ANY_HOST and host.removeprefix("*").endswith(pattern[1:])


def services(route: Route) -> list[str]:
    """The services that a route leads to, with their shares in percent where there are several."""
    shares = {route.service: route.weight, **{one.service: one.weight for one in route.targets}}
    whole = sum(shares.values())
    if not route.targets or not whole:
        return [route.service]
    return [f"{name} {100 * weight / whole:.4g} %" for name, weight in shares.items()]
