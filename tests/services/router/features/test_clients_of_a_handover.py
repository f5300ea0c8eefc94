"""Another HAProxy takes over while clients of all kinds go on: TLS, HTTP/2, and connections of TCP."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from tests.services.router.certificates import certificate, shown
from tests.services.router.features.client import Wire, careless, connect, get
from tests.services.router.features.origin import Raw, Start
from tests.services.router.records import http, instance, tcp
from tests.services.router.rig import Router, until
from tests.services.router.supervisor.rig import do
from tests.support.authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOST, TIMES = "over.example", 5
LEAVES = "ConnectionTerminated error_code:0, last_stream_id:2147483647"  # RFC 9113, section 6.8


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say what was said."""
    while data := await reader.read(1000):
        writer.write(data)


class Asked:
    """What came of requests without end."""

    def __init__(self) -> None:
        self.good, self.bad = Counter[str](), list[str]()

    async def forever(self, kind: str, once: Callable[[], Awaitable[str]]) -> None:
        """Note each answer of ``once`` that is not ``well``, and each error."""
        while True:
            try:
                said = await once()
            except (OSError, EOFError, TimeoutError, httpx.HTTPError) as error:
                said = repr(error)
            if said == "well":
                self.good[kind] += 1
            else:
                self.bad.append(f"{kind}: {said}")
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def asking(**kinds: Callable[[], Awaitable[str]]) -> AsyncIterator[Asked]:
    """A client of each kind asks for as long as the block lasts."""
    asked = Asked()
    tasks = [asyncio.create_task(asked.forever(kind, once)) for kind, once in kinds.items()]
    try:
        yield asked
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def echoed(wire: Wire) -> str:
    """Whether the other end says what it was told."""
    wire.send("hello\n")
    async with asyncio.timeout(10):
        return "well" if await wire.reader.readexactly(6) == b"hello\n" else "something else"


async def test_nobody_notices(router: Router, start: Start, authority: Authority) -> None:
    await start("over-web", "one")
    own = certificate(router, authority, "over", HOST)
    base = f"https://127.0.0.1:{router.https}"

    left: list[str] = []

    async def fresh() -> str:
        async with connect(router.https, tls=careless(), name=HOST) as wire:
            status = (await wire.ask(get(HOST, "/", "Connection: close"))).status
        return "well" if status == 200 else f"status {status}"

    async def two() -> str:
        try:
            reply = await h2.get("/", headers={"Host": HOST})
        except httpx.RemoteProtocolError as error:
            if LEAVES not in str(error):
                raise
            left.append(str(error))  # said before anything was sent, which httpx makes an error of the next request
            reply = await h2.get("/", headers={"Host": HOST})
        versions = (reply.status_code, reply.http_version)
        return "well" if versions == (200, "HTTP/2") else str(versions)

    async def bytes_() -> str:
        async with connect(router.tcp[0]) as wire:
            return await echoed(wire)

    async with (
        Raw(echo) as server,
        httpx.AsyncClient(http2=True, http1=False, verify=careless(()), base_url=base) as h2,
    ):
        await router.lay(own, http(HOST, "over-web"), instance("over-db", "one", server.port))
        await router.lay(tcp(router.tcp[0], "over-db"))
        await until(lambda: f'"{router.tcp[0]}"' in router.saved())
        async with connect(router.tcp[0]) as long:

            async def kept() -> str:
                return await echoed(long)

            async with asking(tls=fresh, h2=two, tcp=bytes_, kept=kept) as asked:
                for number in range(TIMES):
                    answer = await do(router, "handover", reason=f"number {number}")
                    assert answer["ok"], answer
                    await asyncio.sleep(0.4)
    assert asked.bad == []
    assert min(asked.good[kind] for kind in ("tls", "h2", "tcp", "kept")) > 5 * TIMES
    assert len(left) <= TIMES
    assert await shown(router, HOST) == own.fingerprint
