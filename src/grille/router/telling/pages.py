"""``GET /metrics``, ``/metrics/haproxy``, ``/log`` and ``/top`` of the router daemon."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from ...service.http import answer, needs, whole
from ...store import Entry
from ...wire.busy import check_order, ordered
from ...wire.errors import InvalidValue, Unavailable
from ..render.exporter import SOCKET
from . import exporter, metrics
from .follow import Follower, Hub
from .line import STREAM, shown
from .look import Looker
from .names import Directory
from .ring import Ring
from .top import busy
from .window import Window

TEXT = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
MOST_LINES = 10_000
MOST_ROWS = 1000
PATIENCE = 5.0  # seconds after which a follower's connection is looked at, and HAProxy has to begin


@dataclass(frozen=True)
class Source:
    """What the pages are made from.

    Args:
        folder: HAProxy's. socket: its command line.
        services: gives variant to backend. routes: gives each address to its backends.
        entries: gives those of ``keys.ROUTING``.
    """

    folder: Path
    socket: str
    services: Callable[[], Mapping[str, str]]
    routes: Callable[[], Mapping[str, Sequence[str]]]
    entries: Callable[[], Mapping[str, Entry]]


def attach(app: web.Application, source: Source) -> Pages:
    """Add the routes of these pages to ``app``."""
    pages = Pages(source)
    app.router.add_get("/metrics", needs("read")(pages.metrics))
    app.router.add_get("/metrics/haproxy", needs("read")(pages.haproxy))
    app.router.add_get("/log", needs("read")(pages.log))
    app.router.add_get("/top", needs("read")(pages.top))
    return pages


class Pages:
    """The handlers. Nothing here runs while nobody asks."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._looker, self._directory = Looker(source.socket, source.services), Directory()
        self._ring, self._hub = Ring(source.socket), Hub(source.socket)

    @property
    def followers(self) -> int:
        """How many follow the access log."""
        return self._hub.followers

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus' text format; ``?instances=0`` leaves out what is of single instances."""
        look, window = await self._looker.look(), None
        with contextlib.suppress(Unavailable):  # the counters are worth having without
            window = (await self._ring.windows())[0]
        instances = request.query.get("instances", "1") != "0"
        await self._learn()
        body = await asyncio.to_thread(metrics.exposition, look, window, self._directory, instances)
        return web.Response(body=body, headers=TEXT)

    async def haproxy(self, request: web.Request) -> web.StreamResponse:
        """What HAProxy's own exporter says, with its own parameters (``scope``, ``no-maint``)."""
        response = web.StreamResponse(headers=TEXT)
        try:
            async for piece in exporter.chunks(str(self._source.folder / SOCKET), request.query_string):
                if not response.prepared:
                    await response.prepare(request)
                await response.write(piece)
        except Unavailable:
            if not response.prepared:
                raise
            if request.transport is not None:
                request.transport.abort()  # half an answer must not look like a whole one
        return response

    async def top(self, request: web.Request) -> web.Response:
        """The busiest services; ``by``, ``limit``."""
        by = check_order(request.query.get("by", "requests"))
        limit = whole(request, "limit", 20, MOST_ROWS)
        before, now = await self._looker.pair()
        await self._learn()
        window = await self._by_backend()
        rows = busy(before, now, self._source.services(), self._source.routes(), window, self._directory)
        return answer(
            {
                "by": by,
                "seconds": round(now.time - before.time, 1),
                "window": round(window.seconds, 1),
                "services": ordered(rows, by, limit),
            }
        )

    async def log(self, request: web.Request) -> web.StreamResponse:
        """The last ``tail`` lines of ``app``; with ``follow=1`` those and what comes, as JSON lines."""
        app = request.query.get("app", "")
        if not app or " " in app:
            raise InvalidValue("app= is missing", remedy="name an app: GET /log?app=shop")
        most = whole(request, "tail", 100, MOST_LINES)
        if request.query.get("follow") == "1":
            with self._hub.follow(app) as follower:
                return await self._follow(request, follower, app, most)
        lines, _ = await self._ring.tail(app, most)
        return answer({"lines": lines})

    async def _follow(self, request: web.Request, follower: Follower, app: str, most: int) -> web.StreamResponse:
        await self._hub.reading(PATIENCE)
        lines, known = await self._ring.tail(app, most)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
        await response.prepare(request)
        began = asyncio.get_running_loop().time()
        try:
            await response.write(_json_lines(lines))
            while request.transport is not None and not request.transport.is_closing():
                fresh = [line for line in await follower.take(PATIENCE) if line not in known]
                if asyncio.get_running_loop().time() - began > PATIENCE:
                    known = set()  # what came twice has come by now
                if data := _json_lines([line for line in map(shown, fresh) if line], follower.missed()):
                    await response.write(data)
        except (ConnectionResetError, asyncio.CancelledError):
            pass
        return response

    async def _by_backend(self) -> Window:
        try:
            return (await self._ring.windows())[1]
        except Unavailable:
            return Window(1.0, {})

    async def _learn(self) -> None:
        await asyncio.to_thread(self._directory.learn, dict(self._source.entries()), list(self._source.services()))


def _json_lines(lines: Iterable[Mapping[str, object]], missed: int = 0) -> bytes:
    found = list(lines)
    if missed:
        time = found[-1]["time"] if found else 0.0
        found.append({"time": time, "stream": STREAM, "text": f"{missed} lines left out: they came faster than read"})
    return "".join(f"{json.dumps(line)}\n" for line in found).encode()
