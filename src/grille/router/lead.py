"""Where an address leads to, and the text that says so in a map (see contracts.md, "Maps" and "Options"). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import quote

from ..wire.routing import FIRST_BYTE, IDLE, AppRouting, Route

NONE, NONE_YET = "-", "?"  # in the place of a backend: no instance; no instance, but options to look at first
ONCE = "once=1"  # always the last option; a route that has no other is as quick as a plain one
RATE_WINDOW = 10  # seconds that a client's requests are counted over


@dataclass(frozen=True)
class Lead:
    """The variants that an address leads to with their weights (the route's own first), and the route's options."""

    app: str
    targets: tuple[tuple[int, str], ...]
    options: str = ""

    def value(self, placed: Mapping[str, str], held: AbstractSet[str]) -> str:
        """The text in the map.

        Args:
            placed: the backend of each variant that has one. held: those without a server at present; others go first.
        """
        able = [(weight, name) for weight, name in self.targets if name in placed and weight]
        ready = [(weight, name) for weight, name in able if name not in held]
        found = [(weight, placed[name]) for weight, name in ready or able[:1]]
        split = ",".join(f"{weight}:{backend}" for weight, backend in found) if len(found) > 1 else ""
        shares = f"split={quote(split, safe=':,')}" if split else ""
        options = "&".join(filter(None, [shares, self.options]))
        backend = found[0][1] if found else NONE_YET if options else NONE
        return f"{backend}|{self.app}|{options}" if options else f"{backend}|{self.app}"


def options_of(route: Route, app: AppRouting | None) -> str:
    """The options of ``route``; only what differs from a plain route is there."""
    table: dict[str, str] = {}
    if app is not None and app.maintenance:
        table["maint"] = "1"
    if route.https_only:
        table["https"] = "1"
    if route.redirect is not None:
        table |= {"to": route.redirect.to, "code": str(route.redirect.code)}
    if route.strip and route.path != "/":
        table["strip"] = route.path
    if route.sticky:
        table["sticky"] = route.path
    table |= _times(route) | _limits(route)
    table |= {f"rq.{name}": value for name, value in sorted(route.headers.request.items())}
    table |= {f"rs.{name}": value for name, value in sorted(route.headers.response.items())}
    if route.hsts:
        table["hsts"] = str(route.hsts)
    if route.client_certificate != "none":
        table["mtls"] = route.client_certificate
    return "&".join(filter(None, [encode({**table, "id": route.id}) if table else "", "" if route.resend else ONCE]))


def encode(table: Mapping[str, str]) -> str:
    """Options as text: nothing in it that a map or HAProxy's command line could take for its own."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in table.items())


def _times(route: Route) -> dict[str, str]:
    table: dict[str, str] = {}
    if route.timeout != FIRST_BYTE:
        table["t"] = f"{route.timeout * 1000:.0f}"
    if route.idle_timeout != IDLE:
        table["idle"] = f"{route.idle_timeout * 1000:.0f}"
    if route.protocol == "h2c" and "t" not in table:
        table["idle"] = f"{route.idle_timeout * 1000:.0f}"
    return table


def _limits(route: Route) -> dict[str, str]:
    table: dict[str, str] = {}
    if route.limits.body:
        table["body"] = str(route.limits.body)
    if route.limits.rate:
        table["rate"] = f"{max(1.0, route.limits.rate * RATE_WINDOW):.0f}"
    return table
