"""Puts instances in and takes them out as checks say. Level-triggered: what failed is tried again until it is so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ...store import Delete, Mirror, Store
from ...wire import keys
from ...wire.errors import Conflict, GrilleError
from .standing import change, recorded

log = structlog.get_logger()
RETRY = 0.5  # seconds before what could not be written is tried again
BATCH = 32  # transactions at once


class Writer:
    """Writes to ``services/`` for the records in ``outside/``, guarded so that nothing newer is overwritten.

    Args:
        services, outside: mirrors of the two.
        passing: whether the record at a key passes its check; None: this discoverd does not know, so nothing is done.
    """

    def __init__(self, store: Store, services: Mirror, outside: Mirror, passing: Callable[[str], bool | None]) -> None:
        self._store, self._services, self._outside, self._passing = store, services, outside, passing
        self._pending: set[str] = set()
        self._woken = asyncio.Event()

    def look(self, key: str) -> None:
        """See whether something has to be written for the record at ``key``."""
        self._pending.add(key)
        self._woken.set()

    async def run(self) -> None:
        """Write what is to be written. Never returns."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._pending:
                batch = [self._pending.pop() for _ in range(min(BATCH, len(self._pending)))]
                done = await asyncio.gather(*map(self._write, batch))
                again = [key for key, written in zip(batch, done, strict=True) if not written]
                self._pending.update(again)
                if again:
                    await asyncio.sleep(RETRY)

    async def _write(self, key: str) -> bool:
        """Whether the store is now as it should be, as far as this discoverd sees."""
        source = self._outside.entries.get(key)
        record = recorded(source)
        if source is None or record is None:
            return True
        entry = self._services.entries.get(keys.instance(record.instance.service, record.instance.id))
        wanted = change(source, record, entry, self._passing(key))
        if wanted is None:
            return True
        checks, writes = wanted
        try:
            await self._store.transact(checks, writes)
        except Conflict:
            return False
        except GrilleError as error:
            log.info("outcome of a check not written yet", record=key, error=error.message)
            return False
        log.info("taken out" if isinstance(writes[0], Delete) else "put in", record=key)
        return True
