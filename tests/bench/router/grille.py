"""Grille's router to measure: an etcd, HAProxy by its launcher, the daemon; and the records that it routes by."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from grille.codec import decode, encode
from grille.service.sealing import Keyring
from grille.store import Delete, Mirror, Put, Store
from grille.wire import keys
from grille.wire.errors import GrilleError
from grille.wire.routing import Route, RouterStatus
from grille.wire.specs import Instance
from tests.bench.router import pem, processes
from tests.bench.router.world import Pem, Server, State
from tests.support.daemon import lay_tokens
from tests.support.etcd import EtcdServer, free_port
from tests.support.keys import lay_keys, new_key
from tests.support.ports import free_range

HOST = "bench"
BATCH = 100  # writes of one transaction: etcd takes 128
TCP_PORTS = 100


class Grille:
    """The router and its store. ``haproxy`` and ``daemon`` are the two processes.

    Args:
        folder: scratch, with a short path: sockets are in it.
        pool: backends for services.
        cores: where HAProxy runs, and where the daemon does; empty: anywhere.
    """

    def __init__(
        self, folder: Path, etcd: EtcdServer, store: Store, *, pool: int = 1100, cores: tuple[str, str] = ("", "")
    ) -> None:
        self.folder, self.etcd, self.store, self._cores = folder, etcd, store, cores
        self.http, self.https, self.api, self.tcp = free_port(), free_port(), free_port(), free_range(TCP_PORTS)
        self._keyring = Keyring(str(lay_keys(folder / "config.keys", new_key("k1"))))
        self._mirror = Mirror(store, keys.ROUTERS)
        self._waiting: list[asyncio.Future[None]] = []
        self.status: RouterStatus | None = None  # what the router last published
        self._mirror.listen(lambda events, revision: self._heard())
        self._watch = asyncio.create_task(self._mirror.run())
        self.haproxy: subprocess.Popen[bytes] | None = None
        self.daemon: subprocess.Popen[bytes] | None = None
        settings = {
            "HOST": HOST,
            "ETCD": etcd.url,
            "TOKENS": str(lay_tokens(folder / "tokens")),
            "CONFIG_KEYS": str(folder / "config.keys"),
            "LOG_LEVEL": "warning",
            "ROUTER_PORT": str(self.api),
            "ROUTER_HTTP_PORT": str(self.http),
            "ROUTER_HTTPS_PORT": str(self.https),
            "ROUTER_TCP_PORTS": f"{self.tcp[0]}-{self.tcp[-1]}",
            "ROUTER_BIND": "127.0.0.1",
            "ROUTER_POOL": str(pool),
        }
        self._environ = {f"GRILLE_{name}": value for name, value in settings.items()}
        self.data = folder
        self.lives = 0
        self.refused = 0  # writes that the store did not take at once
        self.renew()
        self._environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)

    def renew(self) -> None:
        """Let both processes start with an empty folder next time."""
        self.lives += 1
        self.data = self.folder / f"d{self.lives}"
        self.data.mkdir(mode=0o755)
        self._environ["GRILLE_DATA"] = str(self.data)

    def start_haproxy(self) -> None:
        """Start HAProxy, as its container does."""
        command = [sys.executable, "-m", "grille.router.haproxy"]
        log = self.folder / "haproxy.log"
        self.haproxy = processes.start(command, log, cores=self._cores[0], environ=self._environ)

    def start_daemon(self) -> None:
        """Start the daemon, as its container does."""
        command = [sys.executable, "-m", "grille.router"]
        log = self.folder / "daemon.log"
        self.daemon = processes.start(command, log, cores=self._cores[1], environ=self._environ)

    def haproxies(self) -> list[int]:
        """The processes of HAProxy that live."""
        return processes.named(processes.family(self.haproxy.pid), "haproxy") if self.haproxy else []

    def everyone(self) -> list[int]:
        """All processes of both sides, whoever started them."""
        return (processes.family(self.haproxy.pid) if self.haproxy else []) + self.daemons()

    def daemons(self) -> list[int]:
        """The daemon's processes."""
        return processes.family(self.daemon.pid) if self.daemon else []

    async def load(self, state: State) -> int:
        """Put all of ``state`` into the store; the last revision."""
        writes: list[Put | Delete] = [self.certificate(ident, each) for ident, each in state.certificates.items()]
        writes += [instance(name, each) for name, all_ in state.services.items() for each in all_.values()]
        writes += [route(each) for each in state.routes.values()]
        return await self.write(writes)

    async def write(self, writes: Iterable[Put | Delete]) -> int:
        """Do ``writes`` in as few transactions as etcd allows; the last revision."""
        rest, revision = list(writes), 0
        while rest:
            revision = await self.store.transact([], rest[:BATCH])
            rest = rest[BATCH:]
        return revision

    async def insist(self, write: Put | Delete) -> int:
        """Do ``write`` as soon as the store takes it, twice perhaps; its revision."""
        while True:
            try:
                return await self.store.transact([], [write])
            except GrilleError:
                self.refused += 1
                await asyncio.sleep(0.1)

    def certificate(self, ident: str, each: Pem) -> Put:
        """The write that puts a certificate."""
        sealed = self._keyring.seal(f"certificate/{ident}", each.key)
        return Put(keys.certificate(ident), encode(pem.record(ident, each, sealed)))

    async def acknowledged(self, revision: int, timeout: float = 60.0) -> RouterStatus:
        """The router's status once its HAProxy reflects ``revision``."""
        return await self.until(lambda status: status.revision >= revision, timeout)

    async def drained(self, revision: int, ident: str, timeout: float = 120.0) -> None:
        """Until the router reflects ``revision`` and has no session left at ``ident``."""
        await self.until(lambda status: status.revision >= revision and not status.drains.get(ident), timeout)

    async def until(self, ready: Callable[[RouterStatus], bool], timeout: float = 60.0) -> RouterStatus:
        """The router's status once it is ``ready``; raises RuntimeError after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self.status is None or not ready(self.status):
                    self._waiting.append(asyncio.get_running_loop().create_future())
                    await self._waiting[-1]
        except TimeoutError:
            raise RuntimeError(f"router status is {self.status} after {timeout:g} s\n{self.logs()}") from None
        return self.status

    async def ready(self) -> None:
        """Until the router has published for the first time; raises RuntimeError, at once when a process has ended."""
        while self.status is None:
            for process in (self.haproxy, self.daemon):
                if process is not None and process.poll() is not None:
                    raise RuntimeError(f"a process of the router ended\n{self.logs()}")
            await asyncio.sleep(0.01)

    def _heard(self) -> None:
        entry = self._mirror.entries.get(keys.router(HOST))
        self.status = decode(RouterStatus, entry.value) if entry else None
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def ask(self, path: str) -> Any:
        """The document that the daemon answers."""
        headers = {"Authorization": "Bearer read-token"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def logs(self) -> str:
        """The end of what both processes wrote."""
        paths = [self.folder / name for name in ("daemon.log", "haproxy.log")]
        return "\n".join(path.read_text()[-2000:] for path in paths if path.exists())

    async def close(self) -> None:
        """End both processes."""
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        processes.end(self.daemon, self.haproxy)


@asynccontextmanager
async def grille(folder: Path, *, pool: int = 1100, cores: tuple[str, str] = ("", "")) -> AsyncIterator[Grille]:
    """A router that runs, its store empty."""
    etcd = EtcdServer().start()
    try:
        async with Store([etcd.url]) as store:
            one = Grille(folder, etcd, store, pool=pool, cores=cores)
            try:
                one.start_haproxy()
                one.start_daemon()
                await one.ready()
                yield one
            finally:
                await one.close()
    finally:
        etcd.stop()


def instance(service: str, server: Server, lease: int = 0) -> Put:
    """The write that registers ``server``."""
    each = Instance(id=server.ident, service=service, address=server.address, port=server.port, created=time.time())
    return Put(keys.instance(service, server.ident), encode(each), lease)


def route(each: Route) -> Put:
    """The write that puts a route."""
    return Put(keys.route(each.id), encode(each))
