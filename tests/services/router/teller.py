"""A HAProxy of a few lines whose access log, counters and exporter are as the router's: for what the router tells."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import aiohttp
from aiohttp import web

from grille.codec import encode
from grille.router import access_format
from grille.router.render import exporter
from grille.router.telling import pages
from grille.service.http import application
from grille.service.tokens import Tokens
from grille.store import Entry
from grille.wire import keys
from grille.wire.specs import Instance
from tests.services.router.rig import App, until
from tests.support.daemon import lay_tokens
from tests.support.etcd import free_port

HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin") or "haproxy"
CONFIGURATION = """global
    stats socket {folder}/haproxy.sock mode 600 level admin
    stats timeout 1h
ring {ring}
    format raw
    maxlen {longest}
    size {size}
defaults base
    mode http
    timeout connect 200ms
    timeout client 5s
    timeout server 1s
    timeout http-request 5s
    retries 0
frontend web from base
    bind 127.0.0.1:{port}
    log ring@{ring} len {longest} format raw local0
    log-format "{format}"
    capture request header Host len 255
    http-request capture req.hdr(X-Request-Id) len 200
    http-request set-var(txn.route) str(http-00001|blog) if {{ hdr(host) -m beg blog }}
    http-request set-var(txn.route) str(http-00000|shop) if {{ hdr(host) -m beg shop }}
    http-request return status 404 unless {{ var(txn.route) -m found }}
    use_backend %[var(txn.route),field(1,|)]
{exporter}backend http-00000 from base
    server shop-web-1 127.0.0.1:{shop} check inter 200ms
    server _wait 127.0.0.1:1 backup
backend http-00001 from base
    server blog-web-1 127.0.0.1:1
    server _wait 127.0.0.1:1 backup
"""


class Teller:
    """HAProxy, two services in it (``blog`` is down), and the daemon's pages about them, in this process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="gt-", dir="/tmp")
        self.folder = Path(self._folder.name)
        self.services = {"shop-web": "http-00000", "blog-web~h2c": "http-00001"}
        self.routes = {"shop.example/": ["http-00000"], "blog.example/": ["http-00001"]}
        self.shop = App("shop", delay=3.0)
        self.port, self.api = free_port(), free_port()
        self.haproxy: subprocess.Popen[bytes] | None = None
        self.client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))

    async def start(self) -> Teller:
        await self.shop.start()
        await self.start_haproxy()
        app = application(Tokens(str(lay_tokens(self.folder / "tokens"))))
        source = pages.Source(
            self.folder,
            str(self.folder / "haproxy.sock"),
            lambda: self.services,
            lambda: self.routes,
            self._entries,
        )
        self.pages = pages.attach(app, source)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.api).start()
        return self

    async def start_haproxy(self) -> None:
        text = CONFIGURATION.format(
            folder=self.folder,
            ring=access_format.RING,
            longest=access_format.LONGEST,
            size=access_format.RING_SIZE,
            format=access_format.HTTP,
            port=self.port,
            exporter=exporter.section(self.folder, "base"),
            shop=self.shop.port,
        )
        path = self.folder / "haproxy.cfg"
        path.write_text(text)
        log = self.folder / "haproxy.log"
        with open(log, "ab") as file:
            self.haproxy = subprocess.Popen([HAPROXY, "-db", "-f", str(path)], stderr=file)
        await until(lambda: (self.folder / exporter.SOCKET).exists() and self.haproxy.poll() is None)

    def kill(self) -> None:
        assert self.haproxy is not None
        self.haproxy.kill()
        self.haproxy.wait()
        for name in ("haproxy.sock", exporter.SOCKET):
            (self.folder / name).unlink()

    async def stop(self) -> None:
        await self.client.close()
        await self._runner.cleanup()
        await self.shop.stop()
        if self.haproxy is not None:
            self.haproxy.kill()
            self.haproxy.wait()
        self._folder.cleanup()

    def _entries(self) -> dict[str, Entry]:
        instances = [
            Instance(
                id=f"{app}-web-1", service=f"{app}-web", address="127.0.0.1", port=1, host="h1", app=app, process="web"
            )
            for app in ("shop", "blog")
        ]
        found = {keys.instance(one.service, one.id): encode(one) for one in instances}
        found[keys.service_settings("shop-web")] = b"{}"
        return {key: Entry(key, value, 1, 1, 1) for key, value in found.items()}

    async def get(self, host: str, path: str = "/", **headers: str) -> int:
        sent = {"Host": host, **headers}
        async with self.client.get(f"http://127.0.0.1:{self.port}{path}", headers=sent) as answer:
            await answer.read()
            return answer.status

    def ask(self, path: str, token: str = "read-token") -> aiohttp.client._RequestContextManager:
        return self.client.get(f"http://127.0.0.1:{self.api}{path}", headers={"Authorization": f"Bearer {token}"})

    async def text(self, path: str) -> str:
        async with self.ask(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()
