"""Routes as users make them: the whole record, conflicts, ports, targets, what routers say, maintenance, pages."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Any

import aiohttp
import pytest

from grille.codec import decode, encode
from grille.store import Store
from grille.wire import keys
from grille.wire.routing import AppRouting, Headers, Limits, Redirect, Route, RouterStatus, Target
from tests.services.controller.rig import DOMAIN, Api, Host, until

WEB = {"image": "shop:1"}
WHOLE: dict[str, Any] = {
    "host": "WWW.example.org",
    "path": "/api/",
    "app": "shop",
    "strip": True,
    "weight": 90,
    "targets": [{"app": "next", "weight": 10}],
    "sticky": True,
    "protocol": "h2c",
    "proxy_protocol": True,
    "compress": True,
    "https_only": True,
    "redirect": {"to": "https://example.net", "code": 301},
    "headers": {"request": {"X-From": "grid"}, "response": {"Server": ""}},
    "hsts": 300,
    "timeout": 10,
    "idle_timeout": 600,
    "limits": {"body": 1024, "rate": 2.5, "concurrency": 4},
    "resend": False,
    "client_certificate": "optional",
}


class Router:
    """Says in the store what a router would."""

    def __init__(self, store: Store, name: str = "r1") -> None:
        self.store, self.name = store, name

    async def says(self, revision: int, **more: Any) -> None:
        status = RouterStatus(id=self.name, host=self.name, revision=revision, updated=time.time(), **more)
        await self.store.put(keys.router(self.name), encode(status))


@pytest.fixture
async def shop(api: Api, host: Host) -> Api:
    """The API of a controller with an app ``shop`` that runs, and another, ``next``."""
    for app in ("shop", "next"):
        assert (await api.deploy(app, **WEB))["state"] == "succeeded"
    return api


async def stored(store: Store, ident: str) -> Route:
    """The record that routers read."""
    entry = await store.get(keys.route(ident))
    assert entry is not None
    return decode(Route, entry.value)


async def put(api: Api, ident: str, expect: int = 201, /, **body: Any) -> dict[str, Any]:
    """PUT a route; the answer, whose status must be ``expect``."""
    status, made = await api("PUT", f"/routes/{ident}", {"app": "shop", **body})
    assert status == expect, made
    return dict(made)


async def test_the_whole_record(shop: Api, store: Store) -> None:
    made = await put(shop, "r1", **WHOLE)
    found = await stored(store, "r1")
    assert found == Route(
        id="r1",
        host="www.example.org",
        path="/api",
        service="shop-web",
        app="shop",
        created=found.created,
        strip=True,
        weight=90,
        targets=[Target(service="next-web", weight=10)],
        sticky=True,
        protocol="h2c",
        proxy_protocol=True,
        compress=True,
        https_only=True,
        redirect=Redirect(to="https://example.net", code=301),
        headers=Headers(request={"X-From": "grid"}, response={"Server": ""}),
        hsts=300,
        timeout=10.0,
        idle_timeout=600.0,
        limits=Limits(body=1024, rate=2.5, concurrency=4),
        resend=False,
        client_certificate="optional",
    )
    assert made["route"]["address"] == "www.example.org/api"
    assert made["route"]["url"] == "https://www.example.org/api"
    again = await put(shop, "r1", 200, **WHOLE)
    assert (again["changed"], again["former"]) == (False, made["route"])
    less = await put(shop, "r1", 200, host="www.example.org", path="/api")
    assert less["changed"]
    plain = Route(id="r1", host="www.example.org", path="/api", service="shop-web", app="shop", created=found.created)
    assert await stored(store, "r1") == plain
    assert (await shop("DELETE", "/routes/r1"))[1]["route"]["id"] == "r1"
    assert (await shop("DELETE", "/routes/r1"))[1]["code"] == "unknown_route"
    assert (await shop("GET", "/routes/r1"))[1]["code"] == "unknown_route"


async def test_a_canary_changes_weights_alone(shop: Api, store: Store) -> None:
    await put(shop, "r1", **WHOLE)
    before = await stored(store, "r1")
    status, made = await shop("PATCH", "/routes/r1", {"weight": 50, "targets": [{"app": "next", "weight": 50}]})
    assert (status, made["changed"], made["former"]["weight"]) == (200, True, 90)
    after = await stored(store, "r1")
    assert (after.weight, after.targets, after.headers) == (50, [Target(service="next-web", weight=50)], before.headers)
    assert (await shop("PATCH", "/routes/r1", {"weight": 50}))[1]["changed"] is False
    assert (await shop("PATCH", "/routes/r1", {"wieght": 50}))[1]["code"] == "unknown_key"
    assert (await shop("PATCH", "/routes/none", {}))[1]["code"] == "unknown_route"
    assert (await shop("PATCH", "/routes/r1", {"app": "next", "targets": []}))[1]["code"] == "route_taken"


async def test_a_dry_run_tells_what_would_be_and_writes_nothing(shop: Api, store: Store) -> None:
    _, planned = await shop("PUT", "/routes/r1?dry_run=1", {"app": "shop", "kind": "tcp"})
    assert (planned["changed"], planned["route"]["port"], planned["route"]["status"]) == (True, 20000, {})
    assert await store.get(keys.route("r1")) is None
    assert (await shop("PUT", "/routes/r1?dry_run=yes", {"app": "shop"}))[0] == 400
    assert (await shop("DELETE", "/routes/shop?dry_run=1"))[1]["changed"]
    assert await stored(store, "shop")
    assert (await shop("PUT", "/apps/shop/routing?dry_run=1", {"maintenance": True}))[1]["changed"]
    assert await store.get(keys.routing_app("shop")) is None


async def test_targets_are_services_of_apps_that_are_there(shop: Api) -> None:
    for target, code in (
        ({"app": "nobody", "weight": 1}, "unknown_service"),
        ({"app": "next", "process": "beta", "weight": 1}, "unknown_process_type"),
        ({"service": "controller", "weight": 1}, "unknown_service"),
    ):
        assert (await put(shop, "r1", 422, host="a.test", targets=[target]))["code"] == code
    made = await put(shop, "r1", host="a.test", targets=[{"service": "next-web", "weight": 1}])
    assert made["route"]["targets"] == [{"service": "next-web", "weight": 1}]
    status, problem = await shop("DELETE", "/apps/next")
    assert (status, problem["code"]) == (409, "app_in_use")
    assert "r1" in problem["detail"]
    await shop("PATCH", "/routes/r1", {"targets": []})
    assert (await shop("DELETE", "/apps/next"))[0] == 202


async def test_a_redirect_needs_no_process_type(shop: Api) -> None:
    elsewhere = {"to": "https://elsewhere.test"}
    await put(shop, "r1", host="old.test", process="none", redirect=elsewhere)
    assert (await put(shop, "r1", 422, host="old.test", process="none"))["code"] == "unknown_process_type"
    circle = await put(shop, "r2", 400, host="elsewhere.test", redirect=elsewhere)
    assert "https_only" in circle["remedy"]


async def test_ports_of_tcp_routes(shop: Api) -> None:
    made = await put(shop, "t1", kind="tcp")
    assert (made["route"]["port"], made["route"]["url"]) == (20000, f"tcp://shop.{DOMAIN}:20000")
    assert (await put(shop, "t1", 200, kind="tcp"))["changed"] is False
    assert (await put(shop, "t2", 409, kind="tcp", port=20000))["code"] == "route_taken"
    assert (await put(shop, "t2", 400, kind="tcp", port=30000))["code"] == "invalid_port"
    assert (await put(shop, "t2", kind="tcp", port=20002))["route"]["port"] == 20002
    both = await asyncio.gather(*(shop("PUT", f"/routes/n{n}", {"app": "shop", "kind": "tcp"}) for n in range(3)))
    assert sorted(answer["route"]["port"] for _, answer in both) == [20001, 20003, 20004]
    _, routers = await shop("GET", "/routers")
    assert (routers["tcp"]["first"], routers["tcp"]["last"]) == (20000, 20099)
    assert routers["tcp"]["taken"]["20002"] == "t2"
    assert (await shop("GET", "/apps/shop"))[1]["url"] == f"http://shop.{DOMAIN}/"


async def test_tls_that_is_passed_through_hides_http_and_says_so(shop: Api) -> None:
    await put(shop, "h1", host="db.a.test")
    made = await put(shop, "s1", kind="tls", host="*.a.test")
    assert made["route"]["url"] == "tls://*.a.test:443"
    assert "h1" in made["warnings"][0]
    assert "s1" in (await put(shop, "h2", host="x.a.test"))["warnings"][0]
    assert (await put(shop, "h3", host="a.test"))["warnings"] == []
    assert (await put(shop, "s2", 409, kind="tls", host="*.a.test"))["code"] == "route_taken"


async def test_routers_say_what_they_made_of_a_route(shop: Api, store: Store) -> None:
    one, two = Router(store), Router(store, "r2")
    await put(shop, "r1", host="a.test")
    entry = await store.get(keys.route("r1"))
    assert entry is not None
    await one.says(entry.mod_revision)
    await two.says(entry.mod_revision - 1, refused={"routes/r1": "of the past"})

    async def told() -> bool:
        return bool((await shop("GET", "/routes/r1"))[1]["status"] == {"r1": "applied", "r2": "pending"})

    await until("both are told of", told)
    begun = time.monotonic()
    _, late = await shop("GET", "/routes/r1?wait=0.5")
    assert late["status"]["r2"] == "pending"
    assert time.monotonic() - begun > 0.45

    async def answers() -> None:
        await asyncio.sleep(0.3)
        await two.says(entry.mod_revision, refused={"routes/r1": "header X-A is not valid"})

    begun = time.monotonic()
    (_, done), _ = await asyncio.gather(shop("GET", "/routes/r1?wait=20"), answers())
    assert done["status"] == {"r1": "applied", "r2": "refused: header X-A is not valid"}
    assert time.monotonic() - begun < 10
    _, changed = await shop("PUT", "/routes/r1?wait=0.3", {"app": "shop", "host": "b.test"})
    assert changed["route"]["status"] == {"r1": "pending", "r2": "pending"}
    _, gone = await shop("DELETE", "/routes/r1?wait=0.1")
    assert gone["status"] == {"r1": "pending", "r2": "pending"}
    _, routers = await shop("GET", "/routers")
    assert [(one["id"], one["in_step"]) for one in routers["routers"]] == [("r1", False), ("r2", False)]
    await one.says(routers["revision"])

    async def in_step() -> bool:
        _, found = await shop("GET", "/routers")
        return [one["in_step"] for one in found["routers"]] == [True, False]

    await until("one is in step", in_step)


async def test_maintenance_and_pages(shop: Api, store: Store) -> None:
    _, usual = await shop("GET", "/apps/shop/routing")
    assert usual == {"app": "shop", "maintenance": False, "error_page": "", "maintenance_page": "", "status": {}}
    _, made = await shop("PUT", "/apps/shop/routing", {"maintenance_page": "<h1>Back soon, é"})
    assert made["changed"]
    _, made = await shop("PUT", "/apps/shop/routing", {"maintenance": True})
    assert (made["routing"]["maintenance_page"], made["former"]["maintenance"]) == ("<h1>Back soon, é", False)
    assert (await shop("PUT", "/apps/shop/routing", {"maintenance": True}))[1]["changed"] is False
    assert (await shop("GET", "/apps/shop"))[1]["routing"]["maintenance"] is True
    entry = await store.get(keys.routing_app("shop"))
    assert entry is not None
    assert decode(AppRouting, entry.value).maintenance
    for body, code in (
        ({"error_page": "x" * 7169}, "invalid_error_page"),
        ({"error_page": None}, "invalid_error_page"),
        ({"maintenance": 1}, "invalid_maintenance"),
        ({"maintenence": True}, "unknown_key"),
    ):
        status, problem = await shop("PUT", "/apps/shop/routing", body)
        assert (status, problem["code"]) == (400, code)
        assert problem["remedy"]
    assert (await shop("PUT", "/apps/nobody/routing", {}))[0] == 404
    assert (await shop("GET", "/apps/nobody/routing"))[0] == 404
    assert (await shop("DELETE", "/apps/shop"))[0] == 202

    async def gone() -> bool:
        return (await shop("GET", "/apps/shop"))[0] == 404

    await until("the app is gone", gone)
    assert await store.get(keys.routing_app("shop")) is None
    assert await store.get(keys.route("shop")) is None


async def test_events_tell_of_routes_and_hand_overs(shop: Api, store: Store) -> None:
    url, seen = f"http://127.0.0.1:{shop.port}/events", list[dict[str, Any]]()
    router = Router(store)
    await router.says(1)
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer read-token"}) as session,
        session.get(url) as stream,
    ):
        await stream.content.readuntil(b"\n\n")
        await put(shop, "r1", host="a.test")
        await shop("PATCH", "/routes/r1", {"weight": 5})
        await shop("PUT", "/apps/shop/routing", {"maintenance": True})
        await router.says(2, handovers=1, handover="pool http is used up")
        async with asyncio.timeout(10):
            while not any(one["type"] == "router.handover" for one in seen):
                name, _, data = (await stream.content.readuntil(b"\n\n")).decode().partition("data: ")
                seen.append({"type": name.split()[1], **json.loads(data)})
    told = [(one["type"], one.get("weight"), one.get("reason")) for one in seen if one["type"] != "job"]
    assert told == [
        ("route", 100, None),
        ("route", 5, None),
        ("routing", None, None),
        ("router.handover", None, "pool http is used up"),
    ]


async def test_no_request_writes_what_routers_could_misread(shop: Api, store: Store) -> None:
    """Random bodies: each is refused in one line, or what was stored passes the rules that routers hold it to."""
    draw = random.Random(3)
    texts = ["a.test", "*.b.test", "x\r\ny", "a|b", "a&b=c", "#", "\\", "\0", "é.test", "a" * 5000, "/a", "/%0d%0a", ""]
    values: list[Any] = [*texts, 0, 1, -1, 2**70, 1.5, True, None, [], {}, ["a"], {"a": "b"}, {"request": {"X\n": "y"}}]
    for _ in range(150):
        names = draw.sample(sorted(WHOLE), draw.randint(1, 4))
        body = {"host": "a.test", "app": "shop", **{name: draw.choice(values) for name in names}}
        status, answer = await shop("PUT", "/routes/r1", body)
        assert status in (200, 201, 400, 404, 409, 422), (body, answer)
        if status >= 400:
            assert "\n" not in answer["detail"]
            assert len(answer["detail"]) < 300
            assert answer["code"]
        else:
            await stored(store, "r1")
    assert "Traceback" not in shop.log
