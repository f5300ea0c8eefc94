"""The daemon's HTTP side: how it is, what HAProxy holds, and what ``telling`` makes of it. Nothing is changed here."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from ..service.http import answer, needs
from ..store import Mirror
from . import edge
from .cli import Cli
from .model import Actual
from .pool import WAIT
from .publish import Publisher
from .reconcile import Reconciler
from .telling import pages, state


def attach(app: web.Application, reconciler: Reconciler, publisher: Publisher, mirror: Mirror) -> None:
    """Add the routes of the API to ``app``."""
    telling = pages.attach(
        app,
        pages.Source(
            folder=Path(reconciler.folder),
            socket=reconciler.socket,
            services=lambda: reconciler.actual.services,
            routes=lambda: _backends(reconciler.actual),
            entries=lambda: mirror.entries,
        ),
    )
    own = Pages(reconciler, publisher, telling)
    app.router.add_get("/status", needs("read")(own.status))
    app.router.add_get("/routes", needs("read")(own.routes))


class Pages:
    """The handlers."""

    def __init__(self, reconciler: Reconciler, publisher: Publisher, telling: pages.Pages) -> None:
        self._reconciler, self._publisher, self._telling = reconciler, publisher, telling

    async def status(self, request: web.Request) -> web.Response:
        """``GET /status``: the daemon's view; ``connected`` false while HAProxy is away."""
        actual, report = self._reconciler.actual, self._publisher.latest
        return answer(
            state.document(
                revision=report.revision if report else None,
                pid=actual.pid,
                version=actual.version,
                started=actual.started,
                routes=len(actual.routes),
                services=actual.services,
                backends=actual.backends,
                drains=report.drains if report else {},
                unplaced=self._reconciler.unplaced,
                refused=self._reconciler.desired.refused,
                followers=self._telling.followers,
            )
        )

    async def routes(self, request: web.Request) -> web.Response:
        """``GET /routes``: each route, its service, and its servers, asked from HAProxy now."""
        cli = await Cli.open(self._reconciler.socket)
        try:
            actual = await edge.ask(cli, self._reconciler.folder)
        finally:
            cli.close()
        return answer({"routes": [_route(actual, key, service) for key, service in sorted(actual.routes.items())]})


def _backends(actual: Actual) -> dict[str, str]:
    """Each route's backend, empty while its service has none."""
    return {key: actual.services.get(service, "") for key, service in actual.routes.items()}


def _route(actual: Actual, key: str, service: str) -> dict[str, object]:
    host, _, path = key.partition("/")
    backend = actual.services.get(service, "")
    servers = {
        name: {"address": str(server.endpoint), "mode": server.mode}
        for name, server in actual.backends.get(backend, {}).items()
        if name != WAIT
    }
    return {"host": host, "path": f"/{path.rstrip('/')}", "service": service, "backend": backend, "servers": servers}
