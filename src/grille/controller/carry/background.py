"""Tasks that go on beside the leader's loop, one per name."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import structlog

from ...wire.errors import GrilleError

log = structlog.get_logger()


class Background:
    """Runs coroutines; one whose name is still under way is not started again."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Coroutine[object, object, None]) -> None:
        """Run ``work``; its errors are logged: what is left to do is planned again."""
        if name in self._tasks:
            work.close()
            return
        task = asyncio.create_task(self._run(name, work), name=name)
        self._tasks[name] = task

    async def _run(self, name: str, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except GrilleError as error:
            log.warning("put off", task=name, error=error.message)
        except Exception:
            log.exception("background task failed", task=name)
        finally:
            self._tasks.pop(name, None)

    def cancel(self) -> None:
        """End all of them."""
        for task in list(self._tasks.values()):
            task.cancel()
