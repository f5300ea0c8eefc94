"""Routes to the other hosts' containers, and the firewall's leave for theirs to reach ours, kept by the agent.

The neighbours come from the store (``networks/``) and, when it does not answer at the agent's start, from a copy on
disk: a host that reboots without a store reaches its neighbours all the same. Where there are none, nothing is touched.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import structlog

from ..codec import convert, decode, encode, plain
from ..store import Mirror, Store
from ..wire import keys
from ..wire.errors import Failed, GrilleError, InvalidValue
from ..wire.specs import HostNetwork
from .engine import Engine
from .mounts import docker_pid, run
from .neighbours import CHAINS, PROTOCOL, chain, firewall, route_changes, shown_routes, usable

log = structlog.get_logger()
PATIENCE = 5.0  # seconds that the store has at the agent's start before the copy is used
REPEAT = 30.0  # seconds until all is looked at again: somebody may have flushed rules or routes


class Routes:
    """The neighbours of ``host``, which is reached at ``address``.

    Args:
        network: the Docker network of jobs.
        copy: the file that keeps the neighbours.
    """

    def __init__(self, store: Store, engine: Engine, host: str, address: str, network: str, copy: Path) -> None:
        self._store, self._engine, self._copy = store, engine, copy
        self._host, self._address, self._network = host, address, network
        self.mirror = Mirror(store, keys.NETWORKS)
        self._former: list[HostNetwork] = []
        self._complained: dict[str, str] = {}

    async def publish(self) -> None:
        """Say in the store where this host's containers are; again when that changes. Never returns."""
        while True:
            await self.mirror.ready()
            mine, key = await self._mine(), keys.host_network(self._host)
            entry = self.mirror.entries.get(key)
            if entry is None or entry.value != encode(mine):
                await self._store.put(key, encode(mine))
            await asyncio.sleep(REPEAT)

    async def keep(self) -> None:
        """Lay what is missing whenever a neighbour changed, and every now and then. Never returns."""
        self._former = await asyncio.to_thread(self._load)
        revision = await self.mirror.wait(0, PATIENCE)
        while True:
            await self._lay(self._records() if self.mirror.revision else self._former)
            revision = await self.mirror.wait(revision, REPEAT)

    async def _mine(self) -> HostNetwork:
        return HostNetwork(host=self._host, address=self._address, subnet=await self._engine.subnet())

    def _records(self) -> list[HostNetwork]:
        """What the hosts say, newest first: a host that got another's former subnet is right."""
        found = []
        for key, entry in sorted(self.mirror.entries.items(), key=lambda item: -item[1].mod_revision):
            try:
                found.append(decode(HostNetwork, entry.value, what=key))
            except InvalidValue as error:
                self._complain(key, error.message)
        return found

    async def _lay(self, records: list[HostNetwork]) -> None:
        mine = await self._mine()
        neighbours = usable(mine, records)
        for host, why in neighbours.bad.items():
            self._complain(host, why)
        good, former = neighbours.good, self._former
        if not good and not former:
            return
        await self._lay_routes(good, former)
        try:
            await self._lay_rules(mine, good)
        except Failed as error:
            self._complain("all", f"this host's firewall does not let them in: {error.message}")
        if good != former:
            await asyncio.to_thread(self._save, good)
            self._former = good

    async def _lay_routes(self, good: list[HostNetwork], former: list[HostNetwork]) -> None:
        there = shown_routes(await run("ip", "-json", "-4", "route", "show"))
        add, drop = route_changes(good, former, there)
        for one in drop:
            await run("ip", "route", "del", one.subnet, "via", one.address)
        for one in add:
            words = ("ip", "route", "replace", one.subnet, "via", one.address, "protocol", PROTOCOL)
            try:
                await run(*words)
                self._complained.pop(one.host, None)
                log.info("route laid", neighbour=one.host, subnet=one.subnet, via=one.address)
            except Failed as error:
                self._complain(one.host, f"no route to its containers: {error.message}")

    async def _lay_rules(self, mine: HostNetwork, good: list[HostNetwork]) -> None:
        """The chains, each replaced at once, and the jumps to them; with the iptables that the host's Docker uses."""
        host = ("nsenter", "-t", str(docker_pid(self._engine.socket)), "-m", "--")
        name = chain(self._network)
        await run(*host, "iptables-restore", "-w", "--noflush", text=firewall(self._network, mine, good))
        for table, base in CHAINS.items():
            iptables = (*host, "iptables", "-w", "-t", table)
            try:
                await run(*iptables, "-C", base, "-j", name)
            except Failed:
                await run(*iptables, "-I", base, "-j", name)

    def _complain(self, what: str, why: str) -> None:
        """Log why a neighbour is not reached; once, until the reason changes."""
        if self._complained.get(what) != why:
            self._complained[what] = why
            log.warning("neighbour's containers are not reached from here", neighbour=what, why=why)

    def _load(self) -> list[HostNetwork]:
        try:
            rows = json.loads(self._copy.read_text(encoding="utf-8"))
            return [convert(HostNetwork, row, what=str(self._copy)) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, GrilleError) as error:
            log.error("the copy of the neighbours cannot be read", error=str(error))
            return []

    def _save(self, rows: list[HostNetwork]) -> None:
        partial = self._copy.with_suffix(".part")
        partial.write_text(json.dumps([plain(row) for row in rows]), encoding="utf-8")
        partial.rename(self._copy)
