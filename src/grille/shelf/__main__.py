"""The daemon: ``python -m grille.shelf``."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import structlog

from ..service.daemon import main, serve, until_stopped
from ..service.settings import Settings
from ..service.tokens import Tokens
from .api import make_app
from .local import LocalFiles

log = structlog.get_logger()
THREADS = 32  # uploads waiting for a slow disk must not keep others from reading


async def run(settings: Settings) -> None:
    """Serve objects until told to stop."""
    data, key_file = settings.text("DATA", "/var/lib/grille/shelf"), settings.text("SHELF_KEY", "/etc/grille/shelf.key")
    port = settings.integer("SHELF_PORT", 7413)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "disk"))
    backend = await asyncio.to_thread(LocalFiles, data)
    runner = await serve(make_app(backend, Tokens(settings.tokens), key_file), settings.address, port)
    log.info("serving", address=settings.address, port=port, data=data)
    try:
        await until_stopped()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main("shelf", run)
