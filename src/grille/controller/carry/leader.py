"""The leader's loop: at each change of the records, and at least once a second, plan and carry out."""

from __future__ import annotations

import asyncio
import time

import structlog

from ...wire.errors import GrilleError
from ..context import Context
from ..planner import plan
from .absence import Absence
from .execute import Executor

log = structlog.get_logger()
DEBOUNCE = 0.02
PERIOD = 1.0


class Leader:
    """Plans while this controller leads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._absence = Absence()
        self._executor = Executor(context)
        self._leading = False

    async def run(self) -> None:
        """Loop for ever; what is under way is dropped when it is cancelled."""
        seen = 0
        try:
            while True:
                seen = max(seen, await self._context.mirror.wait(seen, PERIOD))
                await asyncio.sleep(DEBOUNCE)
                seen = self._context.mirror.revision
                if self._leads():
                    await self._step()
        finally:
            self._executor.background.cancel()

    def _leads(self) -> bool:
        """Whether to plan now: leading, and in touch with the store."""
        leads = self._context.election.leads() and self._context.mirror.connected
        if leads != self._leading:
            log.info("leading" if leads else "not leading", identity=self._context.config.identity)
            self._leading = leads
            self._absence.forget()
        return leads

    async def _step(self) -> None:
        context, records, now = self._context, self._context.records, time.time()
        self._absence.update({host for host, _ in records.jobs}, records.hosts, now)
        with context.metrics.plan.time():
            actions = plan(records.state(context.config.images, self._absence.since), context.config.limits, now)
            work = self._executor.prepare(actions, now)  # before anything is awaited: the records may change then
        try:
            await self._executor.carry(work)
        except GrilleError as error:
            log.warning("plan not carried out", error=error.message)
