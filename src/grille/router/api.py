"""The daemon's HTTP side: how it is, what HAProxy holds, and its counters. Nothing can be changed here."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.core import CollectorRegistry, Metric

from ..service.http import answer, needs
from . import edge, stats
from .cli import Cli
from .model import Actual
from .pool import WAIT
from .publish import Publisher
from .reconcile import Reconciler


def attach(app: web.Application, reconciler: Reconciler, publisher: Publisher) -> None:
    """Add the routes of the API to ``app``."""
    pages = Pages(reconciler, publisher)
    app.router.add_get("/status", needs("read")(pages.status))
    app.router.add_get("/routes", needs("read")(pages.routes))
    app.router.add_get("/metrics", needs("read")(pages.metrics))


class Pages:
    """The handlers."""

    def __init__(self, reconciler: Reconciler, publisher: Publisher) -> None:
        self._reconciler, self._publisher = reconciler, publisher
        self._baselines = stats.Baselines()

    async def status(self, request: web.Request) -> web.Response:
        """``GET /status``: the daemon's view; ``connected`` false while HAProxy is away."""
        actual, report = self._reconciler.actual, self._publisher.latest
        used = set(actual.services.values())
        document = {
            "connected": report is not None,
            "revision": report.revision if report else 0,
            "pid": actual.pid,
            "haproxy": actual.version,
            "started": actual.started,
            "routes": len(actual.routes),
            "services": len(actual.services),
            "servers": sum(len(servers) - 1 for servers in actual.backends.values()),
            "backends": {"used": len(used), "free": len(actual.backends) - len(used)},
            "drains": report.drains if report else {},
            "unplaced": self._reconciler.unplaced,
            "refused": self._reconciler.desired.refused,
        }
        return answer(document)

    async def routes(self, request: web.Request) -> web.Response:
        """``GET /routes``: each route, its service, and its servers, asked from HAProxy now."""
        cli = await Cli.open(self._reconciler.socket)
        try:
            actual = await edge.ask(cli, self._reconciler.folder)
        finally:
            cli.close()
        return answer({"routes": [_route(actual, key, service) for key, service in sorted(actual.routes.items())]})

    async def metrics(self, request: web.Request) -> web.Response:
        """``GET /metrics``: per service, in Prometheus' text format."""
        cli = await Cli.open(self._reconciler.socket)
        try:
            (text,) = await cli.run(["show stat -1 2 -1"])
        finally:
            cli.close()
        table = [row for row in stats.rows(text) if row.get("svname") == "BACKEND"]
        found = list(stats.metrics(table, self._reconciler.actual.services, self._baselines))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Once(found))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": "text/plain; version=0.0.4"})


class _Once:
    """Metrics that were collected already."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found


def _route(actual: Actual, key: str, service: str) -> dict[str, object]:
    host, _, path = key.partition("/")
    backend = actual.services.get(service, "")
    servers = {
        name: {"address": str(server.endpoint), "mode": server.mode}
        for name, server in actual.backends.get(backend, {}).items()
        if name != WAIT
    }
    return {"host": host, "path": f"/{path.rstrip('/')}", "service": service, "backend": backend, "servers": servers}
