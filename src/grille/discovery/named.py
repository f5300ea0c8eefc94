"""The names in a request's path."""

from __future__ import annotations

from aiohttp import web

from ..wire.errors import InvalidValue
from ..wire.names import check_label

LEADER = "leader"  # a name in DNS below each service, which no instance may take


def service_of(request: web.Request) -> str:
    """The service that the request names; raises InvalidValue."""
    return check_label("service", request.match_info["service"])


def ident_of(request: web.Request) -> str:
    """The id of the instance that the request names; raises InvalidValue."""
    ident = check_label("instance id", request.match_info["id"])
    if ident == LEADER:
        raise InvalidValue(f"no instance can be called {LEADER!r}: DNS has it", remedy="use another id")
    return ident
