"""Routers under changes: Grille, and peers that are told by a new configuration, twice a second at most."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from grille.store import Delete, Put
from grille.wire import keys
from tests.bench.router import changes, peers, processes
from tests.bench.router.changes import Change
from tests.bench.router.grille import Grille, instance, route
from tests.bench.router.instances import Instances
from tests.bench.router.world import Server, State
from tests.support.etcd import free_port

PACE = 0.5  # seconds between two reloads, at least
GRACE = 5.0  # seconds after which a server that a peer was told to leave out ends


class Side(ABC):
    """A router; ``apply`` takes a change to it, and lets servers listen before, and end when nothing uses them."""

    name: str
    kinds: tuple[str, ...] = changes.KINDS
    http: int
    https: int

    def __init__(self, instances: Instances) -> None:
        self._instances = instances
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut = 0  # streams that the end of a server cut
        self.faults: list[str] = []  # what went wrong beside requests

    @abstractmethod
    async def start(self, state: State) -> None:
        """Serve ``state``."""

    @abstractmethod
    async def apply(self, change: Change) -> None:
        """Take ``change`` in; it may take effect later."""

    @abstractmethod
    def pids(self) -> list[int]:
        """The processes that serve requests."""

    async def close(self) -> None:
        """End it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, service: str, *servers: Server) -> None:
        await asyncio.to_thread(self._instances.open, service, servers)

    def _later(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.faults.append(f"{type(error).__name__}: {error}".splitlines()[0])


class GrilleSide(Side):
    """Grille: each change is a write to the store, a server ends when the router has acknowledged and drained it."""

    name = "grille"

    def __init__(self, instances: Instances, grille: Grille) -> None:
        super().__init__(instances)
        self.grille, self.http, self.https = grille, grille.http, grille.https
        self._servers: dict[str, Server] = {}

    async def start(self, state: State) -> None:
        for servers in state.services.values():
            self._servers.update(servers)
        await self.grille.acknowledged(await self.grille.load(state))

    async def apply(self, change: Change) -> None:
        if change.server is not None:
            self._servers[change.ident] = change.server
            await self._listen(change.service, change.server)
        revision = await self.grille.insist(self._write(change))
        if change.kind == "server" and change.removes:
            self._later(self._retire(change.ident, revision))

    def _write(self, change: Change) -> Put | Delete:
        if change.kind == "server":
            key = keys.instance(change.service, change.ident)
            return instance(change.service, change.server) if change.server else Delete(key)
        if change.kind == "certificate":
            ident = change.ident
            return self.grille.certificate(ident, change.pem) if change.pem else Delete(keys.certificate(ident))
        return route(change.route) if change.route else Delete(keys.route(change.ident))

    async def _retire(self, ident: str, revision: int) -> None:
        await self.grille.drained(revision, ident, timeout=600)
        self.cut += await asyncio.to_thread(self._instances.close, [self._servers.pop(ident)])

    def pids(self) -> list[int]:
        return self.grille.haproxies()


class ReloadSide(Side):
    """A peer: all changes of half a second make one new configuration."""

    def __init__(self, instances: Instances, folder: Path, *, pace: float = PACE) -> None:
        super().__init__(instances)
        self.folder, self._pace = folder, pace
        self.http, self.https, self.admin = free_port(), free_port(), free_port()
        self._state = State()
        self._changed = asyncio.Event()
        self._gone: list[Server] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.reloads = 0

    def ports(self, state: State) -> peers.Ports:
        """Where it listens: for TLS only with certificates."""
        return peers.Ports(self.http, self.https if state.certificates else 0, self.admin)

    async def start(self, state: State) -> None:
        await asyncio.to_thread(self.serve, state.copy())
        await asyncio.to_thread(processes.wait_port, self.http)
        self._later(self._run())

    async def apply(self, change: Change) -> None:
        if change.server is not None:
            await self._listen(change.service, change.server)
        gone = changes.apply(self._state, change)
        self._gone += [gone] if gone else []
        self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            gone, self._gone = self._gone, []
            state = self._state.copy()
            await asyncio.to_thread(self.reload, state)
            self.reloads += 1
            if gone:
                self._later(self._retire(gone))
            await asyncio.sleep(self._pace)

    async def _retire(self, servers: list[Server]) -> None:
        """End ``servers`` when the old processes should be done with them; streams are let go on to their end."""
        await asyncio.sleep(GRACE)
        await asyncio.to_thread(lambda: self._instances.close(servers, gently=True))

    def pids(self) -> list[int]:
        return processes.family(self.process.pid) if self.process else []

    async def close(self) -> None:
        await super().close()
        processes.end(self.process)

    def serve(self, state: State) -> None:
        """Start it with ``state``."""
        self._state = state
        log = self.folder / f"{self.name.replace(' ', '-')}.log"
        self.process = processes.start(self.command(state), log, environ={"HOME": str(self.folder)}, first=True)

    @abstractmethod
    def command(self, state: State) -> list[str]:
        """Its command, the configuration for ``state`` written."""

    @abstractmethod
    def reload(self, state: State) -> None:
        """Let it serve ``state``."""


class HaproxySide(ReloadSide):
    """HAProxy: a new process at each reload, which takes the sockets over (-x) and lets the old one finish (-sf)."""

    name = "haproxy reload"

    def __init__(self, instances: Instances, folder: Path, *, pace: float = PACE) -> None:
        super().__init__(instances, folder, pace=pace)
        self._all: list[subprocess.Popen[bytes]] = []

    def command(self, state: State) -> list[str]:
        path = self.folder / "static.cfg"
        path.write_text(peers.haproxy(state, self.folder, self.ports(state), reload=True))
        return ["haproxy", "-db", "-f", str(path)]

    def serve(self, state: State) -> None:
        super().serve(state)
        assert self.process is not None
        self._all.append(self.process)

    def reload(self, state: State) -> None:
        assert self.process is not None
        alive = [str(each.pid) for each in self._all if each.poll() is None]
        command = [*self.command(state), "-x", str(self.folder / "static.sock"), "-sf", *alive]
        self.process = processes.start(command, self.folder / "haproxy-reload.log", first=True)
        self._all.append(self.process)

    def pids(self) -> list[int]:
        return [each.pid for each in self._all if each.poll() is None]

    async def close(self) -> None:
        await super().close()
        processes.end(*self._all)


class NginxSide(ReloadSide):
    """nginx: SIGHUP; new workers take new connections, the old ones finish theirs."""

    name = "nginx reload"
    kinds = tuple(kind for kind in changes.KINDS if kind != "tcp route")

    def command(self, state: State) -> list[str]:
        path = self.folder / "nginx.conf"
        path.write_text(peers.nginx(state, self.folder, self.ports(state)))
        return ["nginx", "-c", str(path), "-e", str(self.folder / "nginx.error.log")]

    def reload(self, state: State) -> None:
        self.command(state)
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGHUP)


class CaddySide(ReloadSide):
    """Caddy: its whole configuration by the admin API."""

    name = "caddy api"
    kinds = tuple(kind for kind in changes.KINDS if kind not in ("tcp route", "weight"))

    def command(self, state: State) -> list[str]:
        path = self.folder / "caddy.json"
        path.write_text(peers.caddy(state, self.ports(state)))
        return ["caddy", "run", "--config", str(path)]

    def reload(self, state: State) -> None:
        body = peers.caddy(state, self.ports(state)).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}/load", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
