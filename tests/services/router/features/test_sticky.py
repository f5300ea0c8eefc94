"""Clients of a sticky route stay at their instance by a cookie, as long as it is there."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from aiohttp import web

from tests.services.router.features.client import connect, get
from tests.services.router.features.load import Asking
from tests.services.router.features.origin import Answer, Start
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")


def name(text: str) -> Answer:
    """An app that says ``text``."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=text)

    return answer


async def cookie(router: Router, host: str, *headers: str) -> tuple[str, str]:
    """What a client is answered, and the cookie it is given (name and value), empty when none."""
    async with connect(router.http) as wire:
        reply = await wire.ask(get(host, "/", *headers))
        assert reply.status == 200
        return reply.body.decode(), reply.header("set-cookie").partition(";")[0]


async def test_a_cookie_keeps_a_client_at_its_instance(router: Router, start: Start) -> None:
    for ident in ("a", "b", "c"):
        await start("sticky-web", ident, name(ident))
    await router.lay(http("sticky.example", "sticky-web", sticky=True), http("loose.example", "sticky-web"))
    given: dict[str, str] = {}
    for _ in range(30):
        body, baked = await cookie(router, "sticky.example")
        assert "=" in baked
        given[body] = baked
    assert given.keys() == {"a", "b", "c"}
    for body, baked in given.items():
        for _ in range(10):
            assert await cookie(router, "sticky.example", f"Cookie: theirs=1; {baked}; other=2") == (body, "")
    assert (await cookie(router, "loose.example"))[1] == ""


async def test_a_forged_cookie_is_answered_by_any_instance(router: Router, start: Start) -> None:
    await start("forge-web", "a", name("a"))
    await router.lay(http("forge.example", "forge-web", sticky=True))
    _, baked = await cookie(router, "forge.example")
    for value in ("nobody", "_wait", "", "%00", "no body", "x" * 4000, "';drop", "http-00000/a"):
        body, again = await cookie(router, "forge.example", f"Cookie: {baked.partition('=')[0]}={value}")
        assert body == "a"
        assert again == baked


async def test_a_deploy_moves_each_client_once_and_fails_nothing(router: Router, start: Start) -> None:
    old = {ident: await start("moved-web", ident, name(ident)) for ident in ("old-1", "old-2", "old-3")}
    await router.lay(http("moved.example", "moved-web", sticky=True))
    async with Asking(router.http, "moved.example", clients=8) as asking:
        await asyncio.sleep(0.5)
        for number, (ident, origin) in enumerate(old.items(), 1):
            await start("moved-web", f"new-{number}", name(f"new-{number}"))
            status = await router.remove(origin.instance("moved-web"))
            least = status.revision
            await router.status(lambda s, ident=ident, least=least: s.revision >= least and not s.drains.get(ident))
            await origin.stop()
            await asyncio.sleep(0.3)
    assert asking.failed == []
    for client in asking.answers:
        bodies = [body for _, body in client]
        moves = [one for one, other in itertools.pairwise(bodies) if one != other]
        assert len(moves) <= 3, moves
        assert all(left.startswith("old") for left in moves)
        assert bodies[0].startswith("old")
        assert bodies[-1].startswith("new")


async def test_a_draining_instance_gives_its_clients_a_new_cookie(router: Router, start: Start) -> None:
    one = await start("drain-web", "one", name("one"))
    await router.lay(http("drain.example", "drain-web", sticky=True))
    body, first = await cookie(router, "drain.example")
    assert body == "one"
    await start("drain-web", "two", name("two"))
    await router.remove(one.instance("drain-web"))
    body, second = await cookie(router, "drain.example", f"Cookie: {first}")
    assert body == "two"
    assert second
    assert second != first
    assert await cookie(router, "drain.example", f"Cookie: {second}") == ("two", "")
