"""An ACME server for tests: pebble, with a name server that takes TXT records; routers as their contract has them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from grille.codec import decode, encode
from grille.router.acme.worker import Worker
from grille.service.sealing import Keyring
from grille.store import Mirror, Store
from grille.wire import keys
from grille.wire.acme import AcmeAccount, AcmeSettings
from grille.wire.routing import Certificate, Challenge, RouterStatus
from tests.support.authority import Authority
from tests.support.etcd import free_port


class Pebble:
    """pebble and its name server, as processes. ``http``: the port at which it asks for challenges."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.http, self.hook = folder, free_port(), 0
        self.port, self.management, self.dns, self.names = (free_port() for _ in range(4))
        self.authority = Authority(folder)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        certificate, key = self.authority.issue("pebble", "127.0.0.1")
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": certificate,
            "privateKey": key,
            "httpPort": self.http,
            "tlsPort": free_port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        (folder / "pebble.json").write_text(json.dumps({"pebble": config}))

    @property
    def settings(self) -> AcmeSettings:
        ca = Path(self.authority.ca).read_text()
        hook = f"http://127.0.0.1:{self.hook}" if self.hook else ""
        directory = f"https://127.0.0.1:{self.port}/dir"
        return AcmeSettings(directory=directory, email="ops@example.org", ca=ca, terms_agreed=True, dns_hook=hook)

    def start(self) -> Pebble:
        """Start both and wait until they answer."""
        names = [
            "pebble-challtestsrv",
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            "-dns01",
            f"127.0.0.1:{self.dns}",
        ]
        names += ["-management", f"127.0.0.1:{self.names}", "-http01", "", "-https01", "", "-tlsalpn01", ""]
        if "names" not in self._processes:
            self._run("names", names, {})
        server = ["pebble", "-config", str(self.folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{self.dns}"]
        self._run(
            "pebble", server, {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "20", "PEBBLE_AUTHZREUSE": "0"}
        )
        return self

    def _run(self, name: str, command: list[str], environ: dict[str, str]) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **environ}, cwd=self.folder
            )

    async def ready(self) -> Pebble:
        """Wait until pebble answers."""
        context = ssl.create_default_context(cafile=self.authority.ca)
        end = time.monotonic() + 20
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < end:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(self.settings.directory, ssl=context) as answer:
                        assert answer.status == 200
                        return self
                await asyncio.sleep(0.05)
        raise AssertionError(f"pebble does not start\n{self.log[-2000:]}")

    def stop(self, *names: str) -> None:
        for name in names or list(self._processes):
            process = self._processes.pop(name)
            process.kill()
            process.wait()

    @property
    def log(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def orders(self) -> int:
        """How many orders were placed."""
        return (self.folder / "pebble.log").read_text().count("Added order")


class Hook:
    """The operator's DNS hook, which tells pebble's name server."""

    def __init__(self, pebble: Pebble) -> None:
        self._pebble, self.calls, self.status = pebble, list[dict[str, str]](), 200

    async def __aenter__(self) -> Hook:
        app = web.Application()
        app.router.add_post("/", self._do)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        self._pebble.hook = free_port()
        await web.TCPSite(self._runner, "127.0.0.1", self._pebble.hook).start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _do(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.calls.append(asked)
        if self.status == 200:
            verb = "set-txt" if asked["do"] == "present" else "clear-txt"
            body = {"host": f"{asked['name']}.", "value": asked["value"]}
            async with aiohttp.ClientSession() as session:
                await session.post(f"http://127.0.0.1:{self._pebble.names}/{verb}", json=body)
        return web.Response(status=self.status, text="the zone is locked")


class Edge:
    """A router as its contract has it: answers challenges of the store at pebble's port, says what it reflects.

    ``spoil``: changes what it answers. ``behind``: it says nothing of its revision.
    """

    def __init__(self, store: Store, name: str, port: int = 0) -> None:
        self._store, self.name, self._port = store, name, port
        self._mirror = Mirror(store, *keys.ROUTING)
        self.asked: list[str] = []
        self.spoil: Callable[[str], str] = lambda text: text
        self.behind = False

    async def __aenter__(self) -> Edge:
        app = web.Application()
        app.router.add_get("/.well-known/acme-challenge/{token}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        if self._port:
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._tasks = [asyncio.create_task(self._mirror.run()), asyncio.create_task(self._acknowledge())]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()

    async def _acknowledge(self) -> None:
        revision = 0
        while True:
            revision = await self._mirror.wait(revision)
            status = RouterStatus(id=self.name, host=self.name, revision=revision, updated=time.time())
            if not self.behind:
                await self._store.put(keys.router(self.name), encode(status))

    async def _answer(self, request: web.Request) -> web.Response:
        host = (request.host or "").partition(":")[0]
        self.asked.append(host)
        entry = self._mirror.entries.get(keys.challenge(host))
        found = decode(Challenge, entry.value) if entry else None
        if found is None or found.token != request.match_info["token"]:
            return web.Response(status=404)
        return web.Response(text=self.spoil(found.answer))


class Orders:
    """Workers of some routers, and the records that they work on."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.store, self.keyring = store, keyring
        self._tasks: list[asyncio.Task[Any]] = []

    def work(self, name: str, store: Store | None = None) -> asyncio.Task[Any]:
        """Start the worker of the router ``name``."""
        self._tasks.append(asyncio.create_task(Worker(store or self.store, name, self.keyring).run()))
        return self._tasks[-1]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settle(self, settings: AcmeSettings) -> None:
        await self.store.put(keys.ACME_SETTINGS, encode(settings))

    async def ask(self, ident: str, *domains: str, **fields: Any) -> None:
        """Ask for a certificate, as the controller does."""
        record = Certificate(
            id=ident, domains=list(domains), created=time.time(), source="acme", state="pending", **fields
        )
        await self.store.put(keys.certificate(ident), encode(record))

    async def get(self, ident: str) -> Certificate:
        entry = await self.store.get(keys.certificate(ident))
        assert entry is not None
        return decode(Certificate, entry.value)

    async def account(self) -> AcmeAccount | None:
        entry = await self.store.get(keys.ACME_ACCOUNT)
        return decode(AcmeAccount, entry.value) if entry else None

    async def until(self, ident: str, true: Callable[[Certificate], bool], timeout: float = 30.0) -> Certificate:
        """The certificate once it is as ``true`` says."""
        end = time.monotonic() + timeout
        while not true(found := await self.get(ident)):
            assert time.monotonic() < end, f"waited in vain: {found}"
            await asyncio.sleep(0.05)
        return found
