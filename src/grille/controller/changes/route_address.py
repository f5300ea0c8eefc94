"""The addresses of routes: which are taken, which port is free, which route hides which."""

from __future__ import annotations

from collections.abc import Iterable

from ...wire.errors import Conflict, InvalidValue, Unprocessable
from ...wire.route_table import address, covers
from ...wire.routing import Route
from ..records import Records

NO_PORTS = "set grille_router_tcp_ports in the inventory and run playbooks/site.yml"
SHOWN = 3  # routes named in one warning


def check_free(records: Records, route: Route) -> None:
    """Raise Conflict when another route has the address already."""
    for other in records.routes.values():
        if other.id != route.id and address(other) == address(route):
            raise Conflict(
                f"{address(route)} belongs to app {other.app!r} (route {other.id!r})",
                remedy="use another address, or delete that route",
                code="route_taken",
            )


def check_port(route: Route, ports: range) -> None:
    """Raise InvalidValue when routers do not listen on the port of a tcp route."""
    if route.kind == "tcp" and route.port not in ports:
        raise InvalidValue(
            f"port {route.port} is not one of the routers'",
            remedy=f"use {ports.start} to {ports.stop - 1}, or none to be given one" if ports else NO_PORTS,
            code="invalid_port",
        )


def free_port(records: Records, ident: str, ports: range) -> int:
    """The port of a tcp route that names none: the one it has, else the lowest that is free.

    Raises:
        Unprocessable: all are taken.
    """
    former = records.routes.get(ident)
    if former is not None and former.kind == "tcp":
        return former.port
    used = taken(records)
    for port in ports:
        if port not in used:
            return port
    raise Unprocessable(
        f"all {len(ports)} ports for tcp routes are taken" if ports else "routers take no connections of tcp routes",
        remedy="delete a tcp route, or widen grille_router_tcp_ports" if ports else NO_PORTS,
        code="no_free_port",
    )


def taken(records: Records) -> dict[int, str]:
    """The ports of tcp routes, with the routes' ids."""
    return {route.port: route.id for route in records.routes.values() if route.kind == "tcp"}


def warnings(records: Records, route: Route) -> list[str]:
    """What is allowed and may surprise: TLS that is passed through never comes to a route for HTTP."""
    others = [other for other in records.routes.values() if other.id != route.id]
    if route.kind == "http":
        over = [one.id for one in others if one.kind == "tls" and covers(one.host, route.host)]
        says = f"https://{route.host} does not come to this route: its TLS is passed through by route {{}}"
    elif route.kind == "tls":
        over = [one.id for one in others if one.kind == "http" and covers(route.host, one.host)]
        says = "passes TLS through that would have come to route {}: over HTTPS it is not reached any more"
    else:
        return []
    return [says.format(_named(over))] if over else []


def _named(idents: Iterable[str]) -> str:
    found = sorted(idents)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
