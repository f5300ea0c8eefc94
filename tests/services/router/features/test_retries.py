"""What is tried again at another instance, and what never is: counted at the apps."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.services.router.features.client import Reply, connect
from tests.services.router.features.origin import Raw, Start
from tests.services.router.records import http, instance
from tests.services.router.rig import Router
from tests.support.etcd import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
SAFE, UNSAFE = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"), ("POST", "PATCH")


class Closing:
    """An app that takes each request and closes without a word."""

    def __init__(self) -> None:
        self.came: Counter[str] = Counter()

    async def script(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request, count its method, close."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.came[head.split(b" ")[0].decode()] += 1


async def ask(router: Router, host: str, method: str) -> Reply:
    """The answer to a request with a small body where the method has one."""
    body = "hello" if method in ("POST", "PUT", "PATCH") else ""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    async with connect(router.http) as wire:
        return await wire.ask(f"{method} / HTTP/1.1\r\nHost: {host}\r\n{length}\r\n{body}", method)


@pytest.mark.parametrize("method", SAFE)
async def test_an_idempotent_request_that_got_no_answer_is_tried_elsewhere(
    router: Router, start: Start, method: str
) -> None:
    name = f"safe-{method.lower()}"
    closing = Closing()
    async with Raw(closing.script) as bad:
        good = await start(f"{name}-web", "good")
        await router.lay(instance(f"{name}-web", "bad", bad.port), http(f"{name}.example", f"{name}-web"))
        for _ in range(10):
            assert (await ask(router, f"{name}.example", method)).status == 200
    assert len(good.requests) == 10
    assert closing.came[method] >= 1


@pytest.mark.parametrize("method", UNSAFE)
async def test_any_other_is_sent_once(router: Router, start: Start, method: str) -> None:
    name = f"unsafe-{method.lower()}"
    closing = Closing()
    async with Raw(closing.script) as bad:
        good = await start(f"{name}-web", "good")
        await router.lay(instance(f"{name}-web", "bad", bad.port), http(f"{name}.example", f"{name}-web"))
        statuses = Counter([(await ask(router, f"{name}.example", method)).status for _ in range(12)])
    assert statuses.keys() == {200, 502}
    assert len(good.requests) + closing.came[method] == 12
    assert closing.came[method] == statuses[502]


@pytest.mark.parametrize("more", [{}, {"sticky": True}, {"timeout": 5.0}], ids=["plain", "sticky", "timeout"])
async def test_a_route_may_have_nothing_sent_again(router: Router, start: Start, more: dict[str, Any]) -> None:
    name = "-".join(["once", *more])
    closing = Closing()
    async with Raw(closing.script) as bad:
        good = await start(f"{name}-web", "good")
        await router.lay(
            instance(f"{name}-web", "bad", bad.port), http(f"{name}.example", f"{name}-web", resend=False, **more)
        )
        statuses = Counter([(await ask(router, f"{name}.example", "GET")).status for _ in range(12)])
    assert statuses.keys() == {200, 502}
    assert len(good.requests) + closing.came["GET"] == 12
    assert closing.came["GET"] == statuses[502]


async def test_nor_is_one_that_waited_for_an_instance(router: Router, start: Start) -> None:
    closing = Closing()
    async with Raw(closing.script) as one, Raw(closing.script) as two:
        dead = instance("waited-web", "dead", free_port())
        await router.lay(dead, http("waited.example", "waited-web", resend=False))
        for _ in range(3):
            waiting = asyncio.create_task(ask(router, "waited.example", "GET"))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            pair = instance("waited-web", "one", one.port), instance("waited-web", "two", two.port)
            await router.lay(*pair)
            assert (await waiting).status == 502
            await router.remove(*pair)
    assert closing.came["GET"] == 3


async def test_when_every_instance_closes_the_client_is_told(router: Router) -> None:
    closing = Closing()
    async with Raw(closing.script) as one, Raw(closing.script) as two:
        await router.lay(
            instance("allbad-web", "one", one.port),
            instance("allbad-web", "two", two.port),
            http("allbad.example", "allbad-web"),
        )
        async with asyncio.timeout(30):
            assert (await ask(router, "allbad.example", "GET")).status in (502, 503)
            assert (await ask(router, "allbad.example", "POST")).status in (502, 503)
    assert closing.came["POST"] <= 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_connection_is_tried_elsewhere_whatever_the_method(
    router: Router, start: Start, method: str
) -> None:
    name = f"refused-{method.lower()}"
    good = await start(f"{name}-web", "good")
    await router.lay(instance(f"{name}-web", "bad", free_port()), http(f"{name}.example", f"{name}-web"))
    statuses = [(await ask(router, f"{name}.example", method)).status for _ in range(12)]
    assert statuses == [200] * 12
    assert len(good.requests) == 12


async def test_an_answer_that_has_begun_is_never_begun_again(router: Router, start: Start) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with Raw(script) as half:
        await router.lay(instance("half-web", "half", half.port), http("half.example", "half-web"))
        await start("half-web", "good")
        for _ in range(6):
            async with connect(router.http) as wire:
                wire.send("GET / HTTP/1.1\r\nHost: half.example\r\nConnection: close\r\n\r\n")
                answer = await wire.ends()
            assert answer.count(b"HTTP/1.1") == 1
