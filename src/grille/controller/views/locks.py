"""Operators' locks."""

from __future__ import annotations

import structlog
from aiohttp import web

from ...service.http import answer, json_body
from ...wire import names
from ..changes import locks
from ..locks import Locks
from .common import context, route

log = structlog.get_logger()


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "GET", "/locks", "read", index)
    route(app, "GET", "/locks/{lock}", "read", show)
    route(app, "PUT", "/locks/{lock}", "deploy", take)
    route(app, "DELETE", "/locks/{lock}", "deploy", release)


def _locks(request: web.Request) -> Locks:
    here = context(request)
    return Locks(here.store, here.mirror)


def _name(request: web.Request) -> str:
    return names.check_label("lock", request.match_info["lock"])


async def index(request: web.Request) -> web.Response:
    """All locks that somebody holds."""
    found = await _locks(request).all()
    return answer([locks.shown_queue(name, places) for name, places in found.items()])


async def show(request: web.Request) -> web.Response:
    """One lock; ``?id=`` marks the place with that id as ``mine``."""
    name = _name(request)
    return answer(locks.shown_queue(name, await _locks(request).queue(name), request.query.get("id", "")))


async def take(request: web.Request) -> web.Response:
    """Take a lock, or keep it for longer; waits in the queue up to ``wait`` seconds."""
    wish = locks.wish(request.match_info["lock"], await json_body(request))

    def connected() -> bool:
        return request.transport is not None and not request.transport.is_closing()

    body, status = locks.outcome(await _locks(request).take(wish, connected), wish.id)
    return answer(body, status)


async def release(request: web.Request) -> web.Response:
    """Release the lock held (or waited for) with ``?id=``; with ``?force=1`` the holder's, whoever that is."""
    name, query = _name(request), request.query
    if query.get("force") != "1":
        lock = await _locks(request).release(name, locks.check_id(query.get("id")))
    else:
        lock = await _locks(request).force(name, query.get("holder", "").rstrip("…"))
        by = "".join(filter(str.isprintable, query.get("by", "")))[:200]
        log.warning("lock broken", lock=name, owner=lock.owner, reason=lock.reason, by=by, address=request.remote)
    return answer({"released": name, "owner": lock.owner, "reason": lock.reason})
