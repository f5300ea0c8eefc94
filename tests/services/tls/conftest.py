"""Fixtures: a real HAProxy with an empty crt-list, and what keeps its certificates."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from grille.router import certificate
from grille.router.cli import Cli
from grille.router.haproxy import binary
from grille.router.tls.keeper import Certificates
from grille.service.sealing import Keyring
from grille.store import Entry, Event
from grille.wire import keys
from grille.wire.errors import Unavailable
from tests.support.certificates import Maker, Pem, record
from tests.support.etcd import free_port
from tests.support.keys import lay_keys, new_key

CONFIGURATION = """global
    stats socket {folder}/s.sock mode 600 level admin
    stats timeout 1h
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend web
    bind 127.0.0.1:{port} ssl crt {folder}/certs/default.pem crt-list {folder}/certs/list.txt alpn h2,http/1.1
    http-request return status 200 content-type text/plain lf-string "%[ssl_c_used] %[ssl_c_verify]"
"""


class Edge:
    """HAProxy, the keeper, and the connection between them."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="gt-", dir="/tmp")
        self.folder = Path(self._folder.name)
        self.port = free_port()
        self.keyring = Keyring(str(lay_keys(self.folder / "keys", new_key("k1"))))
        self.keeper = Certificates(self.folder, self.keyring)
        certificate.ensure(self.folder / "certs")
        self.maker, self.cli = Maker(), Cli()
        self.process: subprocess.Popen[bytes] | None = None
        self.revision, self.answer = 1, ""

    async def start(self) -> Edge:
        """HAProxy as a launcher starts it: with the lines that were saved."""
        (self.folder / "certs" / "list.txt").write_text("".join(f"{line}\n" for line in self.keeper.saved()))
        path = self.folder / "h.cfg"
        path.write_text(CONFIGURATION.format(folder=self.folder, port=self.port))
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([binary(), "-db", "-f", str(path)], stderr=log)
        await self.connect()
        return self

    async def connect(self) -> None:
        end = time.monotonic() + 10
        while True:
            try:
                self.cli = await Cli.open(str(self.folder / "s.sock"))
                break
            except Unavailable:
                assert time.monotonic() < end, (self.folder / "log").read_text()
                await asyncio.sleep(0.02)
        await self.keeper.ask(self.cli)

    def stop(self) -> None:
        self.cli.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()

    def event(self, ident: str, data: bytes | None) -> Event:
        self.revision += 1
        entry = Entry(keys.certificate(ident), data or b"", 1, self.revision, 1)
        return Event("delete" if data is None else "put", entry)

    async def put(self, ident: str, pem: Pem, **fields: object) -> bool:
        """A record comes; what the keeper's turn said."""
        assert self.keeper.apply([self.event(ident, record(self.keyring, ident, pem, **fields))])  # type: ignore[arg-type]
        return await self.keeper.turn(self.cli)

    async def delete(self, *idents: str) -> bool:
        assert self.keeper.apply([self.event(ident, None) for ident in idents])
        return await self.keeper.turn(self.cli)

    def served(self, name: str) -> int:
        """The serial number of what a client that asks for ``name`` is shown."""
        return x509.load_der_x509_certificate(self.shake(name)).serial_number

    def shake(self, name: str, client: Pem | None = None) -> bytes:
        """Ask ``name`` for a page, which is left in ``answer``; the certificate that was shown (DER)."""
        context = ssl._create_unverified_context()
        if client is not None:
            path = self.folder / "client.pem"
            path.write_text(client.chain + client.key)
            context.load_cert_chain(path)
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        with raw, context.wrap_socket(raw, server_hostname=name) as tls:
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            self.answer = b"".join(iter(lambda: tls.recv(4096), b"")).decode()
            return tls.getpeercert(binary_form=True) or b""

    def lines(self) -> set[str]:
        return {line.replace(f"{self.folder}/certs/", "") for line in self.keeper.saved()}

    def files(self) -> set[str]:
        return {name for name in os.listdir(self.folder / "certs") if name not in ("default.pem", "list.txt")}


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    """A running HAProxy."""
    made = Edge()
    try:
        yield await made.start()
    finally:
        made.close()


@pytest.fixture
def maker(edge: Edge) -> Maker:
    """The authority that issues the tests' certificates."""
    return edge.maker
