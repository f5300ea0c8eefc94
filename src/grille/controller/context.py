"""What the parts of one controller share: the store, its mirror, and the ways to change it safely."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from ..service.sealing import Keyring
from ..store import Election, Mirror, Store
from ..wire.errors import Conflict, Unavailable
from .agents import Agents
from .changes.draft import Draft
from .config import Config
from .events import Hub
from .metrics import Metrics
from .records import Records
from .routers import Routers
from .shelf import Shelf

TRIES = 10
CATCH_UP = 2.0  # seconds that the mirror has to show a write


@dataclass(frozen=True)
class Context:
    """One controller's parts."""

    config: Config
    store: Store
    mirror: Mirror
    records: Records
    election: Election
    hub: Hub
    agents: Agents
    routers: Routers
    shelf: Shelf
    metrics: Metrics
    keyring: Keyring

    def known(self) -> Records:
        """The records; raises Unavailable before the store was first read."""
        if not self.mirror.revision:
            raise Unavailable("the store has not been read yet", remedy="try again in a moment")
        return self.records

    async def reach(self, revision: int) -> None:
        """Wait until the records reflect ``revision``, or a short while."""
        await self.mirror.wait(revision - 1, CATCH_UP)

    async def fresh(self) -> Records:
        """The records, not older than the moment of the call; raises Unavailable without a quorum."""
        self.known()
        await self.reach(await self.store.revision())
        return self.records

    async def commit(self, decide: Callable[[Records], Draft]) -> Draft:
        """Carry out what ``decide`` makes of the records, deciding anew when somebody else was faster.

        Raises:
            GrilleError: whatever ``decide`` raises. Conflict: others were faster every time.
        """
        for attempt in range(TRIES):
            draft = decide(await self.fresh())
            if not draft.writes:
                return draft
            try:
                draft.revision = await self.store.transact(draft.checks, draft.writes)
            except Conflict:
                await asyncio.sleep(random.uniform(0, 0.02 * (attempt + 1)))
                continue
            await self.reach(draft.revision)
            return draft
        raise Conflict("others keep changing the same records", remedy="try again", code="busy")


CONTEXT = web.AppKey("context", Context)
