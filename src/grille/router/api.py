"""The daemon's HTTP side: how it is, what HAProxy holds, and what ``telling`` makes of it. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from .telling import leads, pages, state


def attach(
    app: web.Application,
    reconciler: Reconciler,
    publisher: Publisher,
    mirror: Mirror,
    silent: Callable[[], Iterable[str]] = tuple,
) -> None:
    """Add the routes of the API to ``app``.

    Args:
        silent: gives the hosts that do not answer.
    """
    source = pages.Source(
        folder=Path(reconciler.folder),
        socket=reconciler.socket,
        services=lambda: reconciler.actual.services,
        routes=lambda: leads.addresses(_maps(reconciler.actual)),
        entries=lambda: mirror.entries,
    )
    own = Pages(reconciler, publisher, pages.attach(app, source), silent)
    app.router.add_get("/status", needs("read")(own.status))
    app.router.add_get("/routes", needs("read")(own.routes))


class Pages:
    """The handlers."""

    def __init__(
        self, reconciler: Reconciler, publisher: Publisher, telling: pages.Pages, silent: Callable[[], Iterable[str]]
    ) -> None:
        self._reconciler, self._publisher = reconciler, publisher
        self._telling, self._silent = telling, silent

    async def status(self, request: web.Request) -> web.Response:
        """``GET /status``: the daemon's view; ``connected`` false while HAProxy is away."""
        actual, report = self._reconciler.actual, self._publisher.latest
        return answer(
            state.document(
                revision=report.revision if report else None,
                pid=actual.pid,
                version=actual.version,
                started=actual.started,
                routes=sum(len(actual.maps[name]) for name in ("routes", "tcp", "sni")),
                services=actual.services,
                backends=actual.backends,
                drains=report.drains if report else {},
                unplaced=sorted(self._reconciler.unplaced),
                refused=report.refused if report else self._reconciler.table.refused,
                handovers=self._reconciler.handovers.count,
                handover=self._reconciler.handovers.reason,
                silent=self._silent(),
                followers=self._telling.followers,
            )
        )

    async def routes(self, request: web.Request) -> web.Response:
        """``GET /routes``: every address, where it leads to, and the servers there, asked from HAProxy now."""
        cli = await Cli.open(self._reconciler.socket)
        try:
            actual = await edge.ask(cli, self._reconciler.folder)
        finally:
            cli.close()
        servers = {
            at: {
                name: {"address": str(server.endpoint), "mode": server.mode, "weight": server.weight}
                for name, server in each.items()
                if name != WAIT
            }
            for at, each in actual.backends.items()
        }
        return answer({"routes": leads.shown(_maps(actual), servers)})


def _maps(actual: Actual) -> leads.Maps:
    return {str(name): table for name, table in actual.maps.items()}
