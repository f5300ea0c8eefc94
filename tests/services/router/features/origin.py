"""Apps behind the router: real HTTP servers that remember what came, and servers that are told each byte to send."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from grille.wire.specs import Instance

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Start(Protocol):
    """Starts an app and registers it as an instance of a service."""

    async def __call__(
        self, service: str, name: str = "one", answer: Answer | None = None, **fields: Any
    ) -> Origin: ...


class Origin:
    """An instance of an app: tells in JSON who answers and what came, or does what ``answer`` does."""

    def __init__(self, name: str, answer: Answer | None = None, address: str = "127.0.0.1") -> None:
        self.name, self.address, self.port = name, address, 0
        self.requests: list[web.BaseRequest] = []
        self.now = self.most = 0  # requests that it answers now, and the most at a time
        self._answer = answer or self.tell
        self._runner: web.ServerRunner | None = None

    async def start(self) -> Origin:
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.address, self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def instance(self, service: str, **fields: Any) -> Instance:
        """Its record."""
        given = {"id": self.name, "service": service, "address": self.address, "port": self.port}
        return Instance(**{**given, **fields})

    async def tell(self, request: web.BaseRequest) -> web.StreamResponse:
        """Who answers, and what came."""
        body = await request.read()
        headers = [[name.lower(), value] for name, value in request.headers.items()]
        told = {"name": self.name, "method": request.method, "path": request.raw_path, "headers": headers}
        return web.json_response({**told, "size": len(body), "body": body[:200].decode("latin-1")})

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self._answer(request)
        finally:
            self.now -= 1


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Raw:
    """A server that speaks as ``script`` says on each connection."""

    def __init__(self, script: Script, address: str = "127.0.0.1") -> None:
        self.address, self.port, self.connections = address, 0, 0
        self._script = script
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Raw:
        self._server = await asyncio.start_server(self._connection, self.address, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._script(reader, writer)
        writer.close()


def told(body: bytes | str) -> dict[str, Any]:
    """What ``Origin.tell`` said, its headers as a table of lower-case names (the last one of a name)."""
    found = json.loads(body)
    return {**found, "headers": dict(found["headers"])}
