"""Several services behind one route: a canary's share, and blue-green switches."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web

from grille.wire.routing import Target
from tests.services.router.features.load import Asking, within
from tests.services.router.features.origin import Answer, Start
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")


def name(text: str) -> Answer:
    """An app that says ``text``."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=text)

    return answer


@pytest.mark.parametrize(("weight", "other"), [(90, 10), (1, 1), (0, 5), (1000, 1)])
async def test_each_service_gets_its_share(router: Router, start: Start, weight: int, other: int) -> None:
    host = f"share-{weight}-{other}"
    await start(f"{host}-old", "one", name("old"))
    await start(f"{host}-new", "one", name("new"))
    targets = [Target(service=f"{host}-new", weight=other)]
    await router.lay(http(f"{host}.example", f"{host}-old", weight=weight, targets=targets))
    async with Asking(router.http, f"{host}.example", clients=8, pause=0) as asking:
        while asking.sent < 800:
            await asyncio.sleep(0.02)
    assert asking.failed == []
    assert within(asking.bodies(), "new", other / (weight + other)), asking.bodies()


async def test_five_services_share_one_route(router: Router, start: Start) -> None:
    for number in range(5):
        await start(f"five-{number}", "one", name(str(number)))
    targets = [Target(service=f"five-{number}", weight=number) for number in range(1, 5)]
    await router.lay(http("five.example", "five-0", weight=10, targets=targets))
    async with Asking(router.http, "five.example", clients=8, pause=0) as asking:
        while asking.sent < 1000:
            await asyncio.sleep(0.02)
    assert asking.failed == []
    for number, weight in enumerate((10, 1, 2, 3, 4)):
        assert within(asking.bodies(), str(number), weight / 20), asking.bodies()


async def test_the_share_of_a_service_without_instances_goes_to_the_others(router: Router, start: Start) -> None:
    await start("half-old", "one", name("old"))
    await router.lay(http("half.example", "half-old", targets=[Target(service="half-new", weight=100)]))
    assert {await router.get("half.example") for _ in range(40)} == {(200, "old")}


async def test_blue_green_switches_fail_nothing(router: Router, start: Start) -> None:
    await start("blue-web", "one", name("blue"))
    await start("green-web", "one", name("green"))
    weights = {"blue": (1, 0), "green": (0, 1)}
    async with Asking(router.http, "bg.example", clients=8) as asking:
        for color in ("blue", "green") * 4:
            blue, green = weights[color]
            targets = [Target(service="green-web", weight=green)]
            await router.lay(http("bg.example", "blue-web", weight=blue, targets=targets))
            since = time.monotonic()
            await asyncio.sleep(0.25)
            assert asking.bodies(since).keys() == {color}
    first = min(asked for client in asking.answers for asked, _ in client)
    assert [failure for failure in asking.failed if failure[0] > first] == []


async def test_a_route_moved_to_another_service_at_once(router: Router, start: Start) -> None:
    await start("before-web", "one", name("before"))
    await start("after-web", "one", name("after"))
    await router.lay(http("move.example", "before-web"))
    async with Asking(router.http, "move.example", clients=8) as asking:
        await asyncio.sleep(0.3)
        await router.lay(http("move.example", "after-web"))
        since = time.monotonic()
        await asyncio.sleep(0.3)
    assert asking.failed == []
    assert asking.bodies(since).keys() == {"after"}
