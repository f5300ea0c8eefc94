"""The life of a daemon, and nothing else: start the server, run the loops, end once on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from ..wire.errors import GrilleError
from .logs import configure
from .settings import Settings

log = structlog.get_logger()
Loop = Callable[[], Awaitable[None]]


async def forever(name: str, loop: Loop, *, pause: float = 1.0) -> None:
    """Run ``loop``, and again after ``pause`` seconds whenever it fails or returns; errors are logged."""
    while True:
        try:
            await loop()
        except asyncio.CancelledError:
            raise
        except GrilleError as error:
            log.warning("loop failed", loop=name, error=str(error))
        except Exception:
            log.exception("loop failed", loop=name)
        await asyncio.sleep(pause)


async def serve(app: web.Application, address: str, port: int) -> web.AppRunner:
    """Serve ``app`` on ``address:port``, retrying for 30 s while the port is taken; the runner, to clean up."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    for attempt in range(60):
        try:
            await web.TCPSite(runner, address, port, reuse_address=True).start()
            return runner
        except OSError:
            if attempt == 59:
                raise
            await asyncio.sleep(0.5)
    raise AssertionError("unreachable")


async def until_stopped() -> None:
    """Wait for SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def run_loops(loops: dict[str, Loop]) -> None:
    """Run each of ``loops`` with ``forever`` until the process is told to stop, then cancel them."""
    tasks = [asyncio.create_task(forever(name, loop), name=name) for name, loop in loops.items()]
    try:
        await until_stopped()
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


def main(brick: str, run: Callable[[Settings], Awaitable[None]]) -> None:
    """The entry point of a daemon: settings, logs, ``run``; one line and exit code 2 on a setting that is wrong."""
    settings = Settings()
    configure(brick, settings.text("LOG_LEVEL", "info"))
    try:
        asyncio.run(_run(run, settings))
    except GrilleError as error:
        print(f"grille {brick}: {error}", file=sys.stderr)
        sys.exit(2)


async def _run(run: Callable[[Settings], Awaitable[None]], settings: Settings) -> None:
    await run(settings)
