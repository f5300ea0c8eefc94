"""Shelf's HTTP interface: see docs/bricks/shelf.md."""

from __future__ import annotations

import structlog
from aiohttp import web

from ..service.http import answer, application
from ..service.tokens import Tokens
from ..wire.errors import GrilleError, InvalidValue
from .access import Access
from .backend import Backend, Stored
from .paths import check_path, decode_path
from .transfer import discard, receive, send, wanted_digest

log = structlog.get_logger()
PREFIX = "/objects/"
LIST_DEFAULT = 1000
LIST_MOST = 10_000


class Shelf:
    """The handlers around one backend."""

    def __init__(self, backend: Backend, access: Access) -> None:
        self._backend, self._access = backend, access

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Store the body at the path, whole or not at all."""
        self._access.check(request, "deploy")
        try:
            stored, new = await self._store(request)
        except GrilleError:
            await discard(request.content)  # many clients read an answer only when they have sent all
            raise
        log.info("stored", path=stored.path, size=stored.size, sha256=stored.sha256, new=new)
        return answer(stored, 201 if new else 200)

    async def _store(self, request: web.Request) -> tuple[Stored, bool]:
        path, wanted = _path(request), wanted_digest(request.headers)
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise InvalidValue("Content-Encoding is not supported", remedy="send the object's bytes as they are")
        upload = await self._backend.create(request.content_length)
        try:
            await receive(request.content, upload)
            found = await upload.digest()
            if wanted and found != wanted:
                raise InvalidValue(
                    f"the body of {path!r} has sha256 {found}, not {wanted}",
                    remedy="send it again; it was damaged on its way or the digest is another object's",
                    code="digest_mismatch",
                )
            return await upload.commit(path)
        finally:
            await upload.abort()

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send the object, or a range of it; HEAD sends what GET would, without the body."""
        self._access.check(request, "read")
        reader = await self._backend.open(_path(request))
        try:
            return await send(request, reader)
        except ConnectionError as error:
            raise ConnectionResetError(str(error)) from None  # the client left: nothing to answer
        finally:
            await reader.close()

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Remove the object."""
        self._access.check(request, "deploy")
        path = _path(request)
        await self._backend.delete(path)
        log.info("deleted", path=path)
        return answer({"path": path, "deleted": True})

    async def move(self, request: web.Request) -> web.StreamResponse:
        """Give the object another path in one step."""
        self._access.check(request, "deploy")
        path, to = _path(request), request.query.get("move_to", "")
        if not to:
            raise InvalidValue("move_to is missing", remedy="POST /objects/<path>?move_to=<new path>")
        stored = await self._backend.move(path, check_path(to))
        log.info("moved", path=path, to=to)
        return answer(stored)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """The objects below a prefix, in pages: ``next`` is what to give as ``after`` for the next page."""
        self._access.check(request, "read")
        limit = _limit(request.query.get("limit", ""))
        found = await self._backend.list(request.query.get("prefix", ""), request.query.get("after", ""), limit + 1)
        page, more = found[:limit], len(found) > limit
        return answer({"objects": page, "next": page[-1].path if more else None})


def _path(request: web.Request) -> str:
    return decode_path(request.rel_url.raw_path.removeprefix(PREFIX))


def _limit(raw: str) -> int:
    if not raw:
        return LIST_DEFAULT
    if not (raw.isdecimal() and raw.isascii() and len(raw) < 9 and 1 <= int(raw) <= LIST_MOST):
        raise InvalidValue(f"limit={raw[:40]} is not valid", remedy=f"use a whole number from 1 to {LIST_MOST}")
    return int(raw)


def make_app(backend: Backend, tokens: Tokens, key_file: str) -> web.Application:
    """Shelf's application over ``backend``."""
    shelf = Shelf(backend, Access(tokens, key_file))
    app = application(tokens)
    objects = PREFIX + "{path:.*}"
    app.router.add_get("/objects", shelf.list, allow_head=False)
    app.router.add_get(objects, shelf.get)  # and HEAD
    app.router.add_put(objects, shelf.put)
    app.router.add_delete(objects, shelf.delete)
    app.router.add_post(objects, shelf.move)
    return app
