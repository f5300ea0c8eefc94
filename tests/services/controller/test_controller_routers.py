"""What the controller asks of routers: requests among an app's log lines, who is busy over all of them."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from grille.codec import encode
from grille.store import Store
from grille.wire import keys
from grille.wire.specs import Instance
from tests.services.controller.rig import Api, Host
from tests.support.etcd import free_port


class Routers:
    """Two routers as the daemon's API answers, and a third that does not answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], str]] = []
        self._runners: list[web.AppRunner] = []

    async def start(self, store: Store) -> None:
        for ident in ("r1", "r2"):
            await self._register(store, ident, await self._serve(ident))
        await self._register(store, "r3", free_port())

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _register(self, store: Store, ident: str, port: int) -> None:
        instance = Instance(id=ident, service="router", address="127.0.0.1", port=port)
        await store.put(keys.instance("router", ident), encode(instance))

    async def _serve(self, ident: str) -> int:
        async def log(request: web.Request) -> web.Response:
            self._note(request)
            line = {"time": time.time() + 60, "stream": "router", "text": f"at=info said by {ident}"}
            return web.json_response({"lines": [line]})

        async def top(request: web.Request) -> web.Response:
            self._note(request)
            busy = {
                "service": "shop-web",
                "requests": 1.5,
                "sessions": 2,
                "servers": 3,
                "routes": [f"{ident}.example/"],
            }
            alone = {"service": f"{ident}-web", "requests": 9, "latency": {"0.99": 0.25}}
            busy["latency"] = {"0.5": 0.1, "0.99": 0.2} if ident == "r1" else {"0.99": 0.3}
            return web.json_response({"by": "requests", "services": [busy, alone]})

        app = web.Application()
        app.router.add_get("/log", log)
        app.router.add_get("/top", top)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        return int(runner.addresses[0][1])

    def _note(self, request: web.Request) -> None:
        self.asked.append((request.path, dict(request.query), request.headers.get("Authorization", "")))


@pytest.fixture
async def routers(store: Store) -> AsyncIterator[Routers]:
    running = Routers()
    await running.start(store)
    yield running
    await running.stop()


def texts(found: dict[str, Any], process: str) -> list[str]:
    return [line["text"] for line in found["lines"] if line["process"] == process]


async def test_requests_are_among_an_apps_lines(api: Api, host: Host, routers: Routers) -> None:
    await api.deploy("shop", image="shop:1")
    status, found = await api("GET", "/apps/shop/logs?tail=50", token="read")
    assert status == 200
    assert sorted(texts(found, "router")) == ["at=info said by r1", "at=info said by r2"]
    assert len(texts(found, "web")) == 1
    assert [line["process"] for line in found["lines"]] == ["web", "router", "router"]  # by time
    assert found["missing"] == ["router/r3"]
    assert routers.asked[0] == ("/log", {"app": "shop", "tail": "50"}, "Bearer admin-token")

    only = (await api("GET", "/apps/shop/logs?process=router"))[1]
    assert {line["job"] for line in only["lines"]} == {"router"}
    assert {line["router"] for line in only["lines"]} == {"r1", "r2"}
    routers.asked.clear()
    others = (await api("GET", "/apps/shop/logs?process=web"))[1]
    assert (texts(others, "router"), others["missing"], routers.asked) == ([], [], [])
    assert len((await api("GET", "/apps/shop/logs?tail=1"))[1]["lines"]) == 1


async def test_the_top_is_added_up(api: Api, host: Host, routers: Routers) -> None:
    status, found = await api("GET", "/top?by=requests&limit=2", token="read")
    assert status == 200
    assert (found["routers"], found["missing"]) == (["r1", "r2"], ["r3"])
    assert [one["service"] for one in found["services"]] == ["r1-web", "r2-web"]
    first = (await api("GET", "/top?by=latency"))[1]["services"][0]
    assert (first["service"], first["requests"], first["sessions"], first["servers"]) == ("shop-web", 3.0, 4, 3)
    assert first["latency"] == {"0.5": 0.1, "0.99": 0.3}
    assert first["routes"] == ["r1.example/", "r2.example/"]
    for query in ("by=size", "limit=0"):
        status, problem = await api("GET", f"/top?{query}")
        assert (status, problem["code"]) == (400, "invalid"), query
    assert json.dumps(found)
