"""Routes that only the service's leader answers, over changes of leader."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web

from grille.wire.discovery import LeaderRule, ServiceSettings
from tests.services.router.features.load import Asking
from tests.services.router.features.origin import Answer, Origin, Start
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")


def name(text: str) -> Answer:
    """An app that says ``text``."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=text)

    return answer


async def three(router: Router, start: Start, word: str) -> list[Origin]:
    """Three instances of a service, the oldest first, and two routes to it: one leader-only."""
    ages = (("c", 10.0), ("a", 20.0), ("b", 30.0))
    found = [await start(f"{word}-web", ident, name(ident), created=created) for ident, created in ages]
    await router.lay(http(f"{word}.example", f"{word}-web", leader=True), http(f"all.{word}.example", f"{word}-web"))
    return found


async def answering(router: Router, host: str) -> set[str]:
    """Who answers, out of twelve requests."""
    return {(await router.get(host))[1] for _ in range(12)}


async def test_the_oldest_leads_until_it_goes(router: Router, start: Start) -> None:
    oldest, next_one, _ = await three(router, start, "oldest")
    assert await answering(router, "all.oldest.example") == {"a", "b", "c"}
    async with Asking(router.http, "oldest.example") as asking:
        await asyncio.sleep(0.3)
        assert asking.bodies().keys() == {"c"}
        await router.remove(oldest.instance("oldest-web"))
        changed = time.monotonic()
        await asyncio.sleep(0.5)
        assert asking.bodies(changed).keys() == {"a"}
        await router.remove(next_one.instance("oldest-web"))
        last = time.monotonic()
        await asyncio.sleep(0.3)
    assert asking.failed == []
    assert asking.bodies(last).keys() == {"b"}


async def test_a_manual_leader_is_changed_under_load(router: Router, start: Start) -> None:
    await three(router, start, "manual")
    await router.lay(ServiceSettings(service="manual-web", leader=LeaderRule(mode="manual", instance="b")))
    assert await answering(router, "manual.example") == {"b"}
    async with Asking(router.http, "manual.example") as asking:
        for ident in ("a", "c", "b", "a"):
            await router.lay(ServiceSettings(service="manual-web", leader=LeaderRule(mode="manual", instance=ident)))
            since = time.monotonic()
            await asyncio.sleep(0.3)
            assert asking.bodies(since).keys() == {ident}
    assert asking.failed == []


async def test_metadata_names_the_leader(router: Router, start: Start) -> None:
    origins = await three(router, start, "meta")
    rule = LeaderRule(mode="metadata", key="role", value="primary")
    await router.lay(ServiceSettings(service="meta-web", leader=rule))
    await router.lay(origins[2].instance("meta-web", created=30.0, metadata={"role": "primary"}))
    assert await answering(router, "meta.example") == {"b"}
    async with Asking(router.http, "meta.example") as asking:
        await router.lay(origins[1].instance("meta-web", created=20.0, metadata={"role": "primary"}))
        await router.lay(origins[2].instance("meta-web", created=30.0, metadata={"role": "standby"}))
        since = time.monotonic()
        await asyncio.sleep(0.3)
    assert asking.failed == []
    assert asking.bodies(since).keys() == {"a"}
    assert await answering(router, "all.meta.example") == {"a", "b", "c"}


async def test_without_a_leader_nobody_answers(router: Router, start: Start) -> None:
    await three(router, start, "none")
    await router.lay(ServiceSettings(service="none-web", leader=LeaderRule(mode="manual", instance="nobody")))
    async with asyncio.timeout(30):  # requests may wait for a leader a while before they are answered
        while (await router.get("none.example"))[0] != 503:
            await asyncio.sleep(0.2)
    assert await answering(router, "all.none.example") == {"a", "b", "c"}
