"""A router to try: real HAProxy, the daemon, apps on loopback, and a client that counts what fails."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
from aiohttp import web

from grille.codec import decode, encode
from grille.router.supervisor import runtime
from grille.service.sealing import Keyring
from grille.store import Store
from grille.wire import keys
from grille.wire.routing import Route, RouterStatus
from grille.wire.specs import Instance
from tests.services.router.records import Record, key_of
from tests.support.etcd import free_port
from tests.support.keys import lay_keys, new_key
from tests.support.ports import free_range

HOST = "h1"
TCP_PORTS = 8


class App:
    """An instance of an app: answers with its name, after ``delay`` seconds for the path ``/slow``."""

    def __init__(self, name: str, *, delay: float = 0.0) -> None:
        self.name, self.delay, self.port = name, delay, 0
        self.requests: list[web.BaseRequest] = []
        self._runner: web.ServerRunner | None = None

    async def start(self) -> App:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.2)
        await self._runner.setup()
        self.port = self.port or free_port()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        if request.path.endswith("/slow"):
            await asyncio.sleep(self.delay)
        return web.Response(text=self.name)


class Router:
    """HAProxy and the daemon as processes of their own, as in their two containers.

    Args:
        environ: settings of both over the rig's own.
    """

    def __init__(self, store: Store, etcd_url: str, **environ: str) -> None:
        self.store = store
        self._folder = tempfile.TemporaryDirectory(prefix="gr-", dir="/tmp")
        self.folder = Path(self._folder.name)
        self.folder.chmod(0o711)  # HAProxy enters it as its own user
        self.http, self.https, self.api = free_port(), free_port(), free_port()
        tokens = self.folder / "tokens"
        tokens.mkdir()
        (tokens / "read").write_text("secret")
        self.keyring = Keyring(str(lay_keys(self.folder / "config.keys", new_key("k1"))))
        self.tcp = free_range(TCP_PORTS)
        self.environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "GRILLE_HOST": HOST,
            "GRILLE_ETCD": etcd_url,
            "GRILLE_DATA": str(self.folder),
            "GRILLE_TOKENS": str(tokens),
            "GRILLE_ROUTER_PORT": str(self.api),
            "GRILLE_ROUTER_HTTP_PORT": str(self.http),
            "GRILLE_ROUTER_HTTPS_PORT": str(self.https),
            "GRILLE_ROUTER_BIND": "127.0.0.1",
            "GRILLE_ROUTER_POOL": "20",
            "GRILLE_ROUTER_TCP_PORTS": f"{self.tcp[0]}-{self.tcp[-1]}",
            "GRILLE_CONFIG_KEYS": str(self.folder / "config.keys"),
            **environ,
        }
        self.haproxy: subprocess.Popen[bytes] | None = None
        self.daemon: subprocess.Popen[bytes] | None = None
        self.client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30)
        )

    async def start(self) -> Router:
        self.start_haproxy()
        self.start_daemon()
        await self.status(lambda status: True)
        return self

    async def close(self) -> None:
        for process in (self.daemon, self.haproxy):
            if process is not None:
                process.kill()
                process.wait()
        await self.client.close()
        self._folder.cleanup()

    def start_haproxy(self, **environ: str) -> None:
        self.haproxy = self._spawn("grille.router.haproxy", "haproxy.log", environ)

    def start_daemon(self) -> None:
        self.daemon = self._spawn("grille.router", "daemon.log", {})

    def _spawn(self, module: str, log: str, environ: dict[str, str]) -> subprocess.Popen[bytes]:
        with open(self.folder / log, "ab") as file:
            return subprocess.Popen([sys.executable, "-m", module], env={**self.environ, **environ}, stderr=file)

    @property
    def haproxy_pid(self) -> int:
        """The pid of the HAProxy that ``haproxy``, its supervisor, runs now; 0 when none serves."""
        return runtime.answers(self.folder / "haproxy.sock")

    async def serving(self) -> int:
        """``haproxy_pid``, once one serves."""
        await until(lambda: self.haproxy_pid > 0)
        return self.haproxy_pid

    async def register(self, service: str, app: App, ident: str = "") -> int:
        instance = Instance(id=ident or app.name, service=service, address="127.0.0.1", port=app.port)
        return await self.store.put(keys.instance(service, instance.id), encode(instance))

    async def deregister(self, service: str, ident: str) -> int:
        return await self.store.delete(keys.instance(service, ident))

    async def route(self, host: str, service: str, path: str = "/", *, created: float = 1.0) -> int:
        route = Route(
            id=f"{host}{path}".replace("/", "-").replace(".", "-").strip("-"),
            host=host,
            service=service,
            path=path,
            created=created,
        )
        return await self.store.put(keys.route(route.id), encode(route))

    async def put(self, *records: Record) -> int:
        """Put records in the store as the controller would; the last one's revision."""
        return [await self.store.put(key_of(record), encode(record)) for record in records][-1]

    async def lay(self, *records: Record) -> RouterStatus:
        """Put records and wait until HAProxy reflects them; fails when one of them is refused."""
        status = await self.acknowledged(await self.put(*records))
        refused = {key: status.refused[key] for key in map(key_of, records) if key in status.refused}
        assert not refused, refused
        return status

    async def remove(self, *records: Record) -> RouterStatus:
        """Delete records and wait until HAProxy reflects it."""
        return await self.acknowledged([await self.store.delete(key_of(record)) for record in records][-1])

    def runtime(self, *commands: str) -> list[str]:
        """HAProxy's answers on its runtime socket, one connection per command."""
        return [self._command(command) for command in commands]

    def _command(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(20)
            line.connect(str(self.folder / "haproxy.sock"))
            line.sendall(f"{command}\n".encode())
            with line.makefile("rb") as answer:
                return answer.read().decode("utf-8", "replace").strip()

    async def status(self, ready: Callable[[RouterStatus], bool], timeout: float = 10.0) -> RouterStatus:
        """The router's status as soon as it is ``ready``."""
        end = time.monotonic() + timeout
        while True:
            entry = await self.store.get(keys.router(HOST))
            status = decode(RouterStatus, entry.value) if entry else None
            if status is not None and ready(status):
                return status
            assert time.monotonic() < end, f"router status is {status}\n{self.logs()}"
            await asyncio.sleep(0.01)

    async def acknowledged(self, revision: int) -> RouterStatus:
        return await self.status(lambda status: status.revision >= revision)

    def logs(self) -> str:
        return "".join((self.folder / name).read_text() for name in ("daemon.log", "haproxy.log"))

    def saved(self) -> str:
        """What HAProxy would come back with."""
        path = self.folder / "state.json"
        return path.read_text() if path.exists() else ""

    async def get(self, host: str, path: str = "/") -> tuple[int, str]:
        async with self.client.get(f"http://127.0.0.1:{self.http}{path}", headers={"Host": host}) as answer:
            return answer.status, await answer.text()

    async def ask(self, path: str) -> str:
        headers = {"Authorization": "Bearer secret"}
        async with self.client.get(f"http://127.0.0.1:{self.api}{path}", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()


class Load:
    """Requests at a steady rate for as long as the block lasts; ``failures`` holds what was not a 200."""

    def __init__(self, router: Router, host: str, rate: float) -> None:
        self._router, self._host, self._pause = router, host, 1 / rate
        self.sent = 0
        self.failures: list[object] = []
        self.slowest = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Load:
        self._loop = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._loop.cancel()
        await asyncio.gather(*self._tasks)

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            task = asyncio.create_task(self._one())
            self._tasks.add(task)
            due += self._pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _one(self) -> None:
        self.sent += 1
        began = time.monotonic()
        try:
            status, text = await self._router.get(self._host)
            if status != 200:
                self.failures.append((status, text))
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failures.append(error)
        self.slowest = max(self.slowest, time.monotonic() - began)


async def until(true: Callable[[], bool], timeout: float = 10.0) -> None:
    """Wait until ``true()``."""
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.02)
