"""The daemon: ``python -m grille.discovery``."""

from __future__ import annotations

import resource
from pathlib import Path

import structlog

from ..service.daemon import main, run_loops, serve
from ..service.sealing import KEYS_FILE
from ..service.settings import Settings
from ..service.tokens import Tokens
from ..store import USUAL_GRACE, Mirror, Store
from ..wire import keys
from . import configuration
from .checks.api import OutsideApi, attach
from .core import Core
from .dns import server as dns
from .table import make_app

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Mirror ``services/`` and serve it until told to stop."""
    port, folder = settings.integer("DISCOVERD_PORT", 7412), settings.text("DATA", "")
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    async with Store(settings.etcd, tls=settings.etcd_tls) as store:
        mirror = Mirror(store, keys.SERVICES, grace=USUAL_GRACE)
        core = Core(store, mirror, Path(folder) if folder else None)
        outside = Mirror(store, keys.OUTSIDE)
        checks = OutsideApi(store, mirror, outside, settings.host)
        core.registrations.guards.append(checks.refuse_checked)
        app = make_app(core, Tokens(settings.tokens))
        attach(app, checks)
        config = Mirror(store, keys.CONFIG)
        keys_file = settings.text("CONFIG_KEYS", KEYS_FILE)
        configuration.attach(app, config, keys_file, settings.text("SHELF_KEY", "/etc/grille/shelf.key"))
        dns_loops = dns.loops(core.view.catalog, settings)
        runner = await serve(app, settings.address, port)
        log.info("serving", address=settings.address, port=port, etcd=settings.etcd)
        try:
            await run_loops(
                {
                    "mirror": mirror.run,
                    **core.loops,
                    "outside": outside.run,
                    "checks": checks.checker.run,
                    "configuration": config.run,
                    **dns_loops,
                }
            )
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    main("discoverd", run)
