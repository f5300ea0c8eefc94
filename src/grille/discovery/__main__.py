"""The daemon: ``python -m grille.discovery``."""

from __future__ import annotations

import structlog

from ..service.daemon import main, run_loops, serve
from ..service.settings import Settings
from ..service.tokens import Tokens
from ..store import Mirror, Store
from ..wire import keys
from .api import make_app

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Mirror ``services/`` and serve it until told to stop."""
    port = settings.integer("DISCOVERD_PORT", 7412)
    async with Store(settings.etcd, tls=settings.etcd_tls) as store:
        mirror = Mirror(store, keys.SERVICES)
        runner = await serve(make_app(store, mirror, Tokens(settings.tokens)), settings.address, port)
        log.info("serving", address=settings.address, port=port, etcd=settings.etcd)
        try:
            await run_loops({"mirror": mirror.run})
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    main("discoverd", run)
