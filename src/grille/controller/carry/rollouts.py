"""Roll-outs of shared configuration that nobody finished: the controller that was asked died, or an app was busy."""

from __future__ import annotations

import asyncio
import time

import structlog

from ...wire.errors import GrilleError
from ..changes import config
from ..context import Context

log = structlog.get_logger()
PERIOD = 1.0
OWN_WORK = 5.0  # seconds that the controller that took the change has for it


class Rollouts:
    """Has every app of a roll-out follow its sets, on the leader."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Loop for ever."""
        while True:
            await asyncio.sleep(PERIOD)
            if self._context.election.leads() and self._context.mirror.connected:
                await self._finish(time.time())

    async def _finish(self, now: float) -> None:
        late = [one for one in self._context.records.rollouts.values() if now > one.created + OWN_WORK]
        for app in {app for rollout in late for app in rollout.apps}:
            try:
                await self._context.commit(
                    lambda records, app=app: config.follow(  # type: ignore[misc]
                        records, app, time.time(), self._context.config.domain, self._context.keyring
                    )
                )
            except GrilleError as error:
                log.warning("roll-out put off", app=app, error=error.message)
