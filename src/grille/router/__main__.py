"""The router daemon: ``python -m grille.router``."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..service.daemon import Loop, main, run_loops, serve
from ..service.http import application
from ..service.sealing import KEYS_FILE, Keyring
from ..service.settings import Settings
from ..service.tokens import Tokens
from ..store import USUAL_GRACE, Mirror, Store
from ..wire import keys
from . import api
from .acme.worker import Worker
from .publish import Publisher
from .reconcile import Reconciler
from .silence import Silence
from .tls.keeper import Certificates

PORT = 7414
DATA = "/var/lib/grille/router"


async def run(settings: Settings) -> None:
    """The daemon, until it is told to stop. HAProxy is another process, and stays as it is."""
    folder = Path(settings.text("DATA", DATA))
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with Store(settings.etcd, tls=settings.etcd_tls) as store:
        mirror = Mirror(store, *keys.ROUTING, grace=USUAL_GRACE)
        publisher = Publisher(store, settings.host)
        keyring = Keyring(settings.text("CONFIG_KEYS", KEYS_FILE))
        certificates = Certificates(folder, keyring)
        reconciler = Reconciler(mirror, publisher, certificates, folder, settings.number("ROUTER_DRAIN_MAX", 3600.0))
        silence = Silence(reconciler)
        app = application(Tokens(settings.tokens))
        api.attach(app, reconciler, publisher, mirror, lambda: silence.silent)
        runner = await serve(app, settings.address, settings.integer("ROUTER_PORT", PORT))
        loops: dict[str, Loop] = {
            "mirror": mirror.run,
            "reconcile": reconciler.run,
            "publish": publisher.run,
            "save": reconciler.saver.run,
            "silence": silence.run,
            "acme": Worker(store, settings.host, keyring).run,
            "ocsp": certificates.staples.run,
        }
        try:
            await run_loops(loops)
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    main("router", run)
