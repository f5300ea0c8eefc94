"""The HTTP side of a daemon: who may call, errors as problem documents, server-sent events, a health page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from ..codec import plain
from ..wire.errors import GrilleError, InvalidValue, NotFound
from .tokens import Tokens

log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKENS = web.AppKey("tokens", Tokens)


def problem(error: GrilleError) -> web.Response:
    """The answer for ``error``: a problem document (RFC 9457) with its machine code and remedy."""
    return web.json_response(error.problem(), status=error.status, content_type="application/problem+json")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a problem document: the one place where exceptions become HTTP."""
    try:
        return await handler(request)
    except GrilleError as error:
        return problem(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        unknown = GrilleError(f"{request.method} {request.path}: {error.reason}", code=f"http_{error.status}")
        unknown.status = error.status
        return problem(unknown)
    except (ConnectionResetError, asyncio.CancelledError):
        raise
    except Exception as error:
        log.exception("request failed", method=request.method, path=request.path)
        return problem(GrilleError(f"internal error: {type(error).__name__}", remedy="see the daemon's log"))


def needs(role: str) -> Callable[[Handler], Handler]:
    """Decorate a handler: only a token of ``role`` (read, deploy, admin) or above may call it."""

    def wrap(handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            request.app[TOKENS].check(request.headers.get("Authorization", ""), role)
            return await handler(request)

        return checked

    return wrap


def application(tokens: Tokens, *, max_body: int = 4 * 1024 * 1024) -> web.Application:
    """An aiohttp application with errors as problems, ``needs`` ready, and ``GET /healthz`` open to all.

    Args:
        max_body: bytes that a request read whole may have; streamed bodies are not limited.
    """
    app = web.Application(middlewares=[errors], client_max_size=max_body)
    app[TOKENS] = tokens
    app.router.add_get("/healthz", _healthz)
    return app


async def _healthz(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def answer(record: object, status: int = 200) -> web.Response:
    """``record`` (a dataclass, or dicts and lists of them) as a JSON response."""
    return web.json_response(plain(record), status=status)


async def json_body(request: web.Request) -> dict[str, Any]:
    """The JSON object in the request's body, ``{}`` for an empty one; raises InvalidValue for anything else."""
    data = await request.read()
    if not data:
        return {}
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidValue("the request body is not JSON", remedy="send one JSON object") from None
    if not isinstance(body, dict):
        raise InvalidValue("the request body is not a JSON object", remedy="send one JSON object")
    return body


def seconds(request: web.Request, name: str, default: float, most: float) -> float:
    """The query parameter ``name`` as seconds between 0 and ``most``; raises InvalidValue."""
    raw = request.query.get(name, "")
    try:
        value = float(raw) if raw else default
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise InvalidValue(f"{name}={raw} is not valid", remedy=f"use seconds between 0 and {most:g}")
    return value


def whole(request: web.Request, name: str, default: int, most: int) -> int:
    """The query parameter ``name`` as a whole number from 1 to ``most``; raises InvalidValue."""
    raw = request.query.get(name, "")
    if not raw:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10 and 0 < int(raw) <= most):
        raise InvalidValue(f"{name}={raw[:20]} is not valid", remedy=f"use a whole number from 1 to {most}")
    return int(raw)


async def event_stream(request: web.Request, events: AsyncIterator[tuple[str, object, str]]) -> web.StreamResponse:
    """Send server-sent events (WHATWG HTML, 9.2) until the client leaves.

    Args:
        events: yields (event name, data, id); an empty name sends a comment as a sign of life.
    """
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    try:
        async for name, data, ident in events:
            if not name:
                await response.write(b": alive\n\n")
                continue
            head = f"event: {name}\n" + (f"id: {ident}\n" if ident else "")
            await response.write(f"{head}data: {json.dumps(plain(data))}\n\n".encode())
    except (ConnectionResetError, asyncio.CancelledError):
        pass
    return response


def not_found(kind: str, name: str, remedy: str = "") -> NotFound:
    """The error for a ``kind`` (app, job, route…) called ``name`` that does not exist."""
    return NotFound(f"there is no {kind} {name!r}", remedy=remedy, code=f"unknown_{kind.replace(' ', '_')}")
