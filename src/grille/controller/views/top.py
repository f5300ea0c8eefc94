"""Who is busy, over all routers."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...codec import convert
from ...service.http import answer, whole
from ...wire.busy import Busy, added_up, check_order, ordered
from ...wire.errors import InvalidValue
from .common import context, route

PATIENCE = 8.0  # seconds that a router has: it looks twice, two seconds apart, when nobody has asked before
MOST = 1000


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "GET", "/top", "read", top)


async def top(request: web.Request) -> web.Response:
    """The busiest services, ``by`` requests, errors, latency or sessions; ``missing``: routers that are silent."""
    by = check_order(request.query.get("by", "requests"))
    limit, here = whole(request, "limit", 20, MOST), context(request)
    here.known()
    found, missing = await here.routers.ask("/top", {"by": by, "limit": str(MOST)}, PATIENCE)
    rows = [row for document in found.values() for row in _rows(document)]
    shown = ordered(added_up(rows), by, limit)
    return answer({"by": by, "services": shown, "routers": sorted(found), "missing": missing})


def _rows(document: dict[str, Any]) -> list[Busy]:
    try:
        return [convert(Busy, row) for row in document.get("services", [])]
    except InvalidValue:
        return []
