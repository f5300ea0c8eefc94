"""Layer 0 kept running: containers that died without being stopped are started again.

``docker kill`` switches a container's restart policy off, and so does a daemon that gave up; this code does not
mind. A ``docker stop`` is respected until the guard, or Docker, is started again.
"""

from __future__ import annotations

import asyncio

import structlog

from ..wire.errors import GrilleError
from .engine import Engine
from .streams import Streams

log = structlog.get_logger()
RELIST = 5.0
PAUSE = 1.0  # seconds that a dead container has to be stopped properly, or restarted by Docker itself
LABEL = "grille.layer=0"


class Stops:
    """Which containers somebody stopped on purpose, from Docker's events. Pure."""

    def __init__(self) -> None:
        self._stopped: set[str] = set()

    def note(self, action: str, name: str) -> bool:
        """Take one event; whether it is a death to look into."""
        if action in ("stop", "destroy"):
            self._stopped.add(name)
        elif action == "start":
            self._stopped.discard(name)
        return action == "die"

    def wanted(self, listed: dict[str, str]) -> list[str]:
        """The names to start, of containers ``listed`` with their state (``running``, ``exited``…)."""
        return [name for name, state in sorted(listed.items()) if state == "exited" and name not in self._stopped]


class Layer0:
    """Restarts the containers with ``label``, except ``myself``.

    Args:
        only: the names to care for; empty: all.
    """

    def __init__(
        self,
        engine: Engine,
        streams: Streams,
        *,
        myself: str,
        label: str = LABEL,
        only: frozenset[str] = frozenset(),
    ) -> None:
        self._engine, self._streams, self._label = engine, streams, label
        self._myself, self._only = myself, only
        self._stops = Stops()
        self._due = asyncio.Event()

    async def follow(self) -> None:
        """Take Docker's events until it goes away (Unavailable); what it stops by itself then is started later."""
        filters = {"type": ["container"], "label": [self._label], "event": ["die", "stop", "start", "destroy"]}
        self._stops = Stops()
        async for event in self._streams.events(filters):
            if not event or self._stops.note(event["Action"], event["Actor"]["Attributes"].get("name", "")):
                self._due.set()

    async def keep(self) -> None:
        """Start what is wanted, a second after a death and every few seconds. Never returns."""
        while True:
            try:
                async with asyncio.timeout(RELIST):
                    await self._due.wait()
                self._due.clear()
                await asyncio.sleep(PAUSE)
            except TimeoutError:
                pass
            await self._start_wanted()

    async def _start_wanted(self) -> None:
        listed = await self._engine.containers(self._label)
        states = {name: str(summary["State"]) for name, summary in listed.items() if self._cares(name)}
        for name in self._stops.wanted(states):
            try:
                await self._engine.start(name)
                log.warning("started again", container=name)
            except GrilleError as error:
                log.error("not started", container=name, error=error.message)

    def _cares(self, name: str) -> bool:
        return name != self._myself and (not self._only or name in self._only)
