"""Hosts that fall silent: noticed within a second, before any lease ends, and their servers taken for dead.

A host is alive when one of its instances takes a connection or refuses it; silent when nothing comes back, twice.
HAProxy then takes its servers for dead, and by itself puts each back as soon as a check of it passes.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import structlog

from . import variant
from .desired import Table
from .model import Actual, Endpoint, Name
from .pool import WAIT

log = structlog.get_logger()
PAUSE = 0.25  # seconds between two rounds
TIMEOUT = 0.25  # seconds that a host has to answer one try
TRIES = 2
STALL = 0.15  # seconds by which a pause may be longer: beyond it this process was held up, and its word counts nothing
REGROUP = 2.0  # seconds that a list of who is where is used

Group = dict[Name, Endpoint]
Probe = Callable[[Endpoint, float], Awaitable[bool]]


class Router(Protocol):
    """What is needed of the reconciler."""

    actual: Actual
    table: Table

    def take_down(self, names: set[Name]) -> None:
        """Let HAProxy take servers for dead until a check passes."""


async def answers(endpoint: Endpoint, timeout: float) -> bool:
    """Whether anything comes back from ``endpoint`` within ``timeout`` seconds: a connection, or its refusal."""
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(endpoint.address, endpoint.port)
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


class Silence:
    """Looks at the hosts of HAProxy's servers in turn. ``silent``: hosts that say nothing, since when (epoch)."""

    def __init__(self, router: Router, probe: Probe = answers) -> None:
        self._router, self._probe = router, probe
        self.silent: dict[str, float] = {}
        self._downed: dict[str, set[Name]] = {}
        self._groups: dict[str, Group] = {}
        self._grouped = 0.0

    async def run(self) -> None:
        """The loop; never returns."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(PAUSE)
            if time.monotonic() - began < PAUSE + STALL:
                await self.look(time.monotonic())

    async def look(self, now: float) -> None:
        """One round (``now``: monotonic seconds)."""
        if now - self._grouped >= REGROUP or self.silent:
            self._groups, self._grouped = groups(self._router.actual, self._router.table), now
        hosts = list(self._groups)
        alive = await asyncio.gather(*(self._alive(self._groups[host]) for host in hosts))
        if time.monotonic() - now > TRIES * TIMEOUT + STALL or not any(alive):
            return  # held up, or cut off from all of them: then it is this host that is silent
        for host, well in zip(hosts, alive, strict=True):
            self._note(host, well)
        for gone in self.silent.keys() - self._groups.keys():
            self._forget(gone)

    def _note(self, host: str, well: bool) -> None:
        if well:
            if host in self.silent:
                log.info("host answers again", host=host, silent=round(time.time() - self.silent[host], 1))
                self._forget(host)
            return
        if host not in self.silent:
            log.warning("host is silent, its servers get no requests", host=host, servers=len(self._groups[host]))
            self.silent[host] = time.time()
        names = self._groups[host].keys() - self._downed.get(host, set())
        if names:
            self._downed.setdefault(host, set()).update(names)
            self._router.take_down(set(names))

    def _forget(self, host: str) -> None:
        del self.silent[host]
        self._downed.pop(host, None)

    async def _alive(self, group: Group) -> bool:
        """Whether anything answers at a host: two of its instances, where it has two, are asked one after the other."""
        for endpoint in representatives(group.values()):
            if await self._probe(endpoint, TIMEOUT):
                return True
        return False


def groups(actual: Actual, table: Table) -> dict[str, Group]:
    """The servers that take traffic, by host (where instances name none: by address)."""
    found: dict[str, Group] = defaultdict(dict)
    for name, at in actual.services.items():
        service = variant.parse(name).service
        for server, each in actual.backends.get(at, {}).items():
            if server != WAIT and each.mode == "ready":
                known = table.instance(service, server)
                host = known.instance.host if known else ""
                found[host or each.endpoint.address][at, server] = each.endpoint
    return dict(found)


def representatives(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """TRIES endpoints to ask, of different addresses where there are that many."""
    by_address = {endpoint.address: endpoint for endpoint in endpoints}
    chosen = random.sample(list(by_address.values()), min(TRIES, len(by_address)))
    return (chosen * TRIES)[:TRIES]
