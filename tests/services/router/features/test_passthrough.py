"""TLS that the router does not open: led by SNI to apps with certificates of their own, beside the router's hosts."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.router.certificates import certificate, shown
from tests.services.router.features.client import careless, connect, get, trusting
from tests.services.router.features.origin import Start, told
from tests.services.router.records import http, instance, tls
from tests.services.router.rig import Router
from tests.support.authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextlib.asynccontextmanager
async def own(authority: Authority, name: str, *hosts: str) -> AsyncIterator[int]:
    """An app with its own certificate for ``hosts``: says its name and each line back; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(name, hosts=hosts))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                writer.write(name.encode() + b" " + line)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def says(router: Router, ca: str, host: str, line: str) -> str:
    """What the app of ``host`` says to a line; its certificate is verified against ``ca``."""
    async with connect(router.https, tls=trusting(ca), name=host) as wire:
        wire.send(f"{line}\n")
        async with asyncio.timeout(20):
            return (await wire.reader.readline()).decode().strip()


async def test_apps_with_their_own_certificates_beside_hosts_of_the_router(
    router: Router, start: Start, authority: Authority, tmp_path: Path
) -> None:
    theirs = Authority(tmp_path)  # the router has never seen it
    await start("normal-web")
    given = certificate(router, authority, "normal", "normal.example")
    await router.lay(http("normal.example", "normal-web"), given)
    async with own(theirs, "one", "own.example") as one, own(theirs, "two", "*.wild.example") as two:
        await router.lay(
            instance("one-tls", "one", one),
            instance("two-tls", "two", two),
            tls("own.example", "one-tls"),
            tls("*.wild.example", "two-tls", id="tls-wild"),
        )
        for _ in range(3):
            assert await says(router, theirs.ca, "own.example", "hello") == "one hello"
            assert await says(router, theirs.ca, "a.wild.example", "hello") == "two hello"
            async with connect(router.https, tls=trusting(authority.ca), name="normal.example") as wire:
                assert told((await wire.ask(get("normal.example"))).body)["name"] == "one"
        assert await shown(router, "normal.example") == given.fingerprint


async def test_routes_are_taken_and_given_back_while_sessions_live(router: Router, tmp_path: Path) -> None:
    theirs = Authority(tmp_path)
    async with own(theirs, "brief", "brief.example") as port:
        route = tls("brief.example", "brief-tls")
        await router.lay(instance("brief-tls", "one", port), route)
        async with connect(router.https, tls=trusting(theirs.ca), name="brief.example") as wire:
            await router.remove(route)
            wire.send("still there?\n")
            async with asyncio.timeout(20):
                assert await wire.reader.readline() == b"brief still there?\n"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await says(router, theirs.ca, "brief.example", "hello")


async def test_only_what_the_client_names_is_led_through(router: Router, tmp_path: Path) -> None:
    theirs = Authority(tmp_path)
    async with own(theirs, "exact", "exact.example") as port:
        await router.lay(instance("exact-tls", "one", port), tls("exact.example", "exact-tls"))
        for name in ("sub.exact.example", "exact.example.org", "xexact.example"):
            async with connect(router.https, tls=careless(), name=name) as wire:
                assert (await wire.ask(get("exact.example"))).status in (404, 421)
        assert await says(router, theirs.ca, "EXACT.example", "hello") == "exact hello"


async def test_an_app_without_an_instance_ends_the_connection(router: Router) -> None:
    await router.lay(tls("empty.example", "empty-tls"))
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        async with connect(router.https, tls=careless(), name="empty.example") as wire:
            await wire.ask(get("empty.example"))
