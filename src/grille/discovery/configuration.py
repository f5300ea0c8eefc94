"""Running jobs read and watch their app's configuration: shared sets, its own values, live values, secrets opened.

To a deploy token, or by the signed URL that each job has in its environment. It goes on while the store is away.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from ..service.http import TOKENS, Handler, answer, event_stream, not_found, seconds
from ..service.sealing import Keyring
from ..store import Mirror
from ..wire.errors import GrilleError, InvalidValue, Unauthorized, Unavailable
from ..wire.names import VARIABLE, check_app
from ..wire.signing import verify
from .routes import Parameter, Route, add
from .scopes import Scopes

LONGEST = 300.0  # seconds that a long poll may wait
ALIVE = 15.0  # seconds of silence after which a watch is sent a sign of life
PATH = "/configuration/apps/{app}"
Document = dict[str, Any]


QUERY = (
    Parameter("watch", "1: as server-sent events, without end", "integer"),
    Parameter("wait", "seconds to wait, with `after`, for something newer", "number"),
    Parameter("after", "the revision of an earlier answer", "integer"),
    Parameter("expires", "of a signed URL", "integer"),
    Parameter("signature", "of a signed URL, which needs no token"),
)


@dataclass(frozen=True)
class AppAnswer:
    """All of an app's configuration. ``versions``: of each scope that it comes from; ``age``: seconds."""

    app: str
    revision: int
    values: dict[str, str]
    versions: dict[str, int]
    stale: bool
    age: float


@dataclass(frozen=True)
class ValueAnswer:
    """One value of an app's configuration."""

    app: str
    name: str
    value: str
    revision: int
    stale: bool
    age: float


class Configurations:
    """The handlers.

    Args:
        signing_key: file with the grid's key of signed URLs; read at each use.
    """

    def __init__(self, scopes: Scopes, signing_key: str) -> None:
        self._scopes, self._mirror, self._key = scopes, scopes.mirror, Path(signing_key)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """All of an app's configuration. For a deploy token, or by the URL in a job's GRILLE_CONFIG_URL."""
        app = self._allowed(request)
        return await self._answer(request, app, lambda: self._document(app))

    async def show_one(self, request: web.Request) -> web.StreamResponse:
        """One value of an app's configuration. For a deploy token, or by a signed URL as for all of them."""
        app, name = self._allowed(request), request.match_info["name"]
        if not VARIABLE.match(name):
            raise InvalidValue(f"{name!r:.80} is not a variable's name", remedy="use letters, digits, underscores")
        return await self._answer(request, app, lambda: self._value(app, name))

    async def _answer(self, request: web.Request, app: str, look: Callable[[], Document]) -> web.StreamResponse:
        self._known()
        found = look()  # what is wrong is said before a stream begins
        if request.query.get("watch") == "1" and request.method != "HEAD":
            return await event_stream(request, self._events(look))
        if "after" in request.query:
            found = await self._newer(request, look)
        if not found["revision"]:
            raise not_found("configuration", app, "set it with playbooks/config.yml")
        if found.get("value", "") is None:
            raise not_found("value", str(found["name"]), f"see the others with GET /configuration/apps/{app}")
        return answer({**found, "stale": not self._mirror.connected, "age": round(self._mirror.age(), 3)})

    async def _newer(self, request: web.Request, look: Callable[[], Document]) -> Document:
        """What there is once it is newer than ``after``, or when ``wait`` seconds are over."""
        until = time.monotonic() + seconds(request, "wait", 0.0, LONGEST)
        after = request.query["after"]
        if not (after.isdecimal() and after.isascii()) or len(after) > 18:
            raise InvalidValue(f"after={after:.20} is not valid", remedy="use the revision of an answer before")
        while (found := look())["revision"] <= int(after) and (left := until - time.monotonic()) > 0:
            await self._mirror.wait(self._mirror.revision, left)
        return found

    async def _events(self, look: Callable[[], Document]) -> AsyncIterator[tuple[str, object, str]]:
        """``configuration`` with what there is, and again whenever it is another; never ends."""
        told: object = None
        while True:
            found, seen = _tried(look), self._mirror.revision
            if {**found, "revision": 0} != told:  # secrets that are only sealed anew are no news
                told = {**found, "revision": 0}
                yield "error" if "code" in found else "configuration", found, str(found["revision"])
            if await self._mirror.wait(seen, ALIVE) <= seen:
                yield "", None, ""

    def _document(self, app: str) -> Document:
        found = self._scopes.read(app)
        if found is None:
            return {"app": app, "revision": 0, "values": {}, "versions": {}}
        return {"app": app, "revision": found.revision, "values": found.values, "versions": found.versions}

    def _value(self, app: str, name: str) -> Document:
        found = self._scopes.read(app)
        value = found.values.get(name) if found else None
        return {"app": app, "name": name, "value": value, "revision": found.revision if found else 0}

    def _known(self) -> None:
        if not self._mirror.revision:
            raise Unavailable("discoverd has not reached the store yet", remedy="see that etcd runs; try again")

    def _allowed(self, request: web.Request) -> str:
        """The app whose configuration the caller may read; raises Unauthorized or Forbidden."""
        app = check_app(request.match_info["app"])
        if "Authorization" in request.headers or "signature" not in request.query:
            request.app[TOKENS].check(request.headers.get("Authorization", ""), "deploy")
        elif not self._signed(request, app):
            raise Unauthorized(
                f"the signature is not valid for the configuration of {app}",
                remedy="use $GRILLE_CONFIG_URL as it is",
                code="bad_signature",
            )
        return app

    def _signed(self, request: web.Request, app: str) -> bool:
        try:
            key = self._key.read_bytes().strip()
        except OSError:
            return False
        query = request.rel_url.raw_query_string
        return bool(key) and verify(key, "GET", PATH.format(app=app), query, time.time())


def _tried(look: Callable[[], Document]) -> Document:
    """What ``look`` gives, or the problem with it, so that a watch outlives a key that comes late."""
    try:
        return look()
    except GrilleError as error:
        return {"revision": 0, "code": error.code, "detail": error.message}


def attach(app: web.Application, mirror: Mirror, keys_file: str, signing_key: str) -> None:
    """Add the routes to discoverd's application; ``mirror`` of ``config/`` must not have run yet."""
    handlers = Configurations(Scopes(mirror, Keyring(keys_file)), signing_key)
    whole, one = handlers.show, handlers.show_one
    add(app, [_route(PATH, whole, AppAnswer), _route(PATH + "/{name}", one, ValueAnswer)])


def _route(path: str, handler: Handler, gives: type) -> Route:
    """A call that checks by itself who may do it."""
    says = " ".join((handler.__doc__ or "").split())
    return Route(
        method="GET", path=path, role="", handler=handler, says=says, query=QUERY, gives={200: gives}, streams=True
    )
