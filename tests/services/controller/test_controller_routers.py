"""What the controller asks of routers: requests among an app's log lines, who is busy over all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from grille.codec import encode
from grille.store import Store
from grille.wire import keys
from grille.wire.specs import Instance
from tests.services.controller.rig import Api, Host
from tests.services.router.teller import Teller
from tests.support.etcd import free_port


@pytest.fixture
async def routers(store: Store) -> AsyncIterator[list[Teller]]:
    """Two routers, and a third that is registered and does not answer."""
    running = [Teller(), Teller()]
    try:
        for ident, router in zip(("r1", "r2"), running, strict=True):
            await router.start()
            await register(store, ident, router.api)
        await register(store, "r3", free_port())
        yield running
    finally:
        for router in running:
            await router.stop()


async def register(store: Store, ident: str, port: int) -> None:
    instance = Instance(id=ident, service="router", address="127.0.0.1", port=port)
    await store.put(keys.instance("router", ident), encode(instance))


def said(found: dict[str, Any], process: str) -> list[str]:
    return [line["text"] for line in found["lines"] if line["process"] == process]


async def test_requests_are_among_an_apps_lines(api: Api, host: Host, routers: list[Teller]) -> None:
    await api.deploy("shop", image="shop:1")
    await routers[0].get("shop.example", "/first")
    await routers[0].get("blog.example", "/other")
    await routers[1].get("shop.example", "/second")

    status, found = await api("GET", "/apps/shop/logs?tail=50", token="read")
    assert status == 200
    assert [text.split(" host=")[0] for text in said(found, "router")] == [
        'at=info method=GET path="/first"',
        'at=info method=GET path="/second"',
    ]
    assert len(said(found, "web")) == 1
    assert found["missing"] == ["router/r3"]
    times = [line["time"] for line in found["lines"]]
    assert times == sorted(times)

    only = (await api("GET", "/apps/shop/logs?process=router"))[1]
    assert [(line["job"], line["router"]) for line in only["lines"]] == [("router", "r1"), ("router", "r2")]
    others = (await api("GET", "/apps/shop/logs?process=web"))[1]
    assert (said(others, "router"), others["missing"]) == ([], [])
    assert len((await api("GET", "/apps/shop/logs?tail=1"))[1]["lines"]) == 1


async def test_the_top_is_added_up(api: Api, host: Host, routers: list[Teller]) -> None:
    asked = asyncio.create_task(api("GET", "/top?by=requests&limit=1", token="read"))
    await asyncio.sleep(0.5)  # each has looked once, and looks again
    for router in routers:
        for _ in range(4):
            assert await router.get("shop.example") == 200
    status, found = await asked
    assert status == 200
    assert (found["routers"], found["missing"]) == (["r1", "r2"], ["r3"])
    (shop,) = found["services"]
    assert (shop["service"], shop["app"], shop["process"]) == ("shop-web", "shop", "web")
    assert 2.5 <= shop["requests"] <= 4.0  # eight in a little more than two seconds
    assert shop["servers"] == 1
    assert shop["routes"] == ["shop.example/"]
    for query in ("by=size", "limit=0"):
        status, problem = await api("GET", f"/top?{query}")
        assert (status, problem["code"]) == (400, "invalid"), query
