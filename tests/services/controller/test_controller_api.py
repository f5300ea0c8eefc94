"""The API's edges: what it refuses and how it says so, who may see what, events, routes, long polls."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.services.controller.rig import DOMAIN, Api, Host

WEB = {"image": "shop:1"}
REFUSED: dict[str, tuple[str, str, object, int, str]] = {
    "app name": ("PUT", "/apps/Under_score", {}, 400, "invalid_app_name"),
    "long app name": ("PUT", f"/apps/{'a' * 64}", {}, 400, "invalid_app_name"),
    "unknown app": ("GET", "/apps/nobody", None, 404, "unknown_app"),
    "destroy unknown": ("DELETE", "/apps/nobody", None, 404, "unknown_app"),
    "scale unknown app": ("PUT", "/apps/nobody/formation", {"processes": {"web": 1}}, 404, "unknown_app"),
    "no code": ("POST", "/apps/new/releases", {"env": {"A": "1"}}, 422, "no_code"),
    "unknown build": ("POST", "/apps/shop/releases", {"build": "build-1"}, 404, "unknown_build"),
    "unknown release": ("POST", "/apps/shop/releases", {"from_release": 9}, 404, "unknown_release"),
    "two codes": ("POST", "/apps/shop/releases", {"build": "x", "image": "y"}, 400, "invalid"),
    "bad image": ("POST", "/apps/shop/releases", {"image": "a b"}, 400, "invalid"),
    "env name": ("POST", "/apps/shop/releases", {"env": {"1A": "x"}}, 400, "invalid_environment_variable"),
    "env value": ("POST", "/apps/shop/releases", {"env": {"A": 1}}, 400, "invalid"),
    "env PORT": ("POST", "/apps/shop/releases", {"env": {"PORT": "1"}}, 400, "invalid"),
    "misspelt key": ("POST", "/apps/shop/releases", {"evn": {}}, 400, "unknown_key"),
    "setting": ("POST", "/apps/shop/releases", {"settings": {"web": {"boot_timeout": -1}}}, 400, "invalid"),
    "setting's process": ("POST", "/apps/shop/releases", {"settings": {"x": {}}}, 422, "unknown_process_type"),
    "scale's process": ("PUT", "/apps/shop/formation", {"processes": {"nope": 1}}, 422, "unknown_process_type"),
    "negative": ("PUT", "/apps/shop/formation", {"processes": {"web": -1}}, 400, "invalid"),
    "too many": ("PUT", "/apps/shop/formation", {"processes": {"web": 1001}}, 400, "invalid"),
    "no number": ("PUT", "/apps/shop/formation", {"processes": {"web": "many"}}, 400, "invalid"),
    "digest": ("POST", "/apps/shop/builds", {"source": "abc"}, 400, "invalid_digest"),
    "empty command": ("POST", "/apps/shop/runs", {"command": " "}, 400, "empty_command"),
    "run unknown app": ("POST", "/apps/nobody/runs", {"command": "true"}, 404, "unknown_app"),
    "ticket": ("GET", "/tickets/none", None, 404, "unknown_ticket"),
    "wait": ("GET", "/tickets/none?wait=soon", None, 400, "invalid"),
    "job": ("GET", "/jobs/none/logs", None, 404, "unknown_job"),
    "route's host": ("PUT", "/routes/r", {"host": "no host", "app": "shop"}, 400, "invalid_host_name"),
    "route's app": ("PUT", "/routes/r", {"host": "a.b", "app": "nobody"}, 404, "unknown_app"),
    "route's process": (
        "PUT",
        "/routes/r",
        {"host": "a.b", "app": "shop", "process": "x"},
        422,
        "unknown_process_type",
    ),
    "route's path": ("PUT", "/routes/r", {"host": "a.b", "app": "shop", "path": "x"}, 400, "invalid_path"),
    "route": ("DELETE", "/routes/none", None, 404, "unknown_route"),
    "no JSON": ("PUT", "/apps/shop/formation", [1], 400, "invalid"),
}


async def test_mistakes_are_told_with_code_and_remedy(api: Api, host: Host) -> None:
    await api.deploy("shop", **WEB)
    for case, (method, path, body, status, code) in REFUSED.items():
        found, problem = await api(method, path, body)
        assert (case, found, problem["code"]) == (case, status, code), problem
        assert problem["detail"], case
        assert problem["remedy"], case
    assert "worker" not in (await api("GET", "/apps/shop"))[1]["formation"]["processes"]


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/apps", "", 401),
        ("GET", "/apps", "no", 401),
        ("PUT", "/apps/x", "read", 403),
        ("GET", "/apps", "read", 200),
    ],
)
async def test_roles(api: Api, method: str, path: str, token: str, status: int) -> None:
    assert (await api(method, path, {}, token=token))[0] == status


async def test_readers_see_names_of_the_environment_only(api: Api, host: Host) -> None:
    await api.deploy("shop", **WEB, env={"SECRET": "hush"})
    _, run = await api("POST", "/apps/shop/runs", {"command": "true", "env": {"OTHER": "hush"}})
    for path in ("/apps/shop", "/apps/shop/releases", "/deployments", f"/tickets/{run['id']}", "/jobs", "/queues"):
        _, seen = await api("GET", path, token="read")
        assert "hush" not in json.dumps(seen), path
    assert (await api("GET", "/apps/shop", token="read"))[1]["release"]["env"] == {"SECRET": None}
    assert (await api("GET", "/apps/shop"))[1]["release"]["env"] == {"SECRET": "hush"}


async def test_routes_are_unique_and_idempotent(api: Api, host: Host) -> None:
    await api.deploy("shop", **WEB)
    await api.deploy("blog", **WEB)
    wanted = {"host": "WWW.example.org", "app": "shop", "path": "/a/"}
    assert (await api("PUT", "/routes/r1", wanted))[0] == 201
    status, same = await api("PUT", "/routes/r1", wanted)
    assert (status, same["changed"], same["route"]["path"]) == (200, False, "/a")
    status, taken = await api("PUT", "/routes/r2", {"host": "www.example.org", "app": "blog", "path": "/a"})
    assert (status, taken["code"]) == (409, "route_taken")
    assert "shop" in taken["detail"]
    both = [api("PUT", f"/routes/n{app}", {"host": "new.example.org", "app": app}) for app in ("shop", "blog")]
    assert sorted(status for status, _ in await asyncio.gather(*both)) == [201, 409]
    assert (await api("GET", "/routes?app=blog"))[1][0]["host"] == f"blog.{DOMAIN}"
    assert (await api("DELETE", "/routes/r1"))[0] == 200


async def test_many_changes_at_once_lose_none(api: Api, host: Host) -> None:
    await api.deploy("shop", **WEB)
    made = await asyncio.gather(*(api("POST", "/apps/shop/releases", {"env": {f"V{n}": "1"}}) for n in range(6)))
    assert sorted(release["release"]["version"] for _, release in made) == [2, 3, 4, 5, 6, 7]
    for _, release in made:
        assert (await api.done(release["ticket"]["id"]))["state"] == "succeeded"
    _, shop = await api("GET", "/apps/shop")
    assert sorted(shop["release"]["env"]) == [f"V{n}" for n in range(6)]


async def test_events_tell_what_happens_and_no_secret(api: Api, host: Host) -> None:
    url = f"http://127.0.0.1:{api._daemon.port}/events?app=shop"
    seen: list[dict[str, Any]] = []
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer read-token"}) as session,
        session.get(url) as stream,
    ):
        await stream.content.readuntil(b"\n\n")
        await api.deploy("shop", **WEB, env={"SECRET": "hush"})
        async with asyncio.timeout(10):
            while not any(one["state"] == "succeeded" for one in seen if one["type"] == "ticket"):
                block = (await stream.content.readuntil(b"\n\n")).decode()
                assert "hush" not in block
                name, _, data = block.partition("data: ")
                seen.append({"type": name.split()[1], **json.loads(data)})
    assert {"app", "release", "formation", "job", "ticket", "route"} == {one["type"] for one in seen}
    assert [one["state"] for one in seen if one["type"] == "job"] == ["pending", "up"]


async def test_queues_metrics_hosts_status(api: Api, host: Host) -> None:
    await api.deploy("shop", **WEB)
    _, queues = await api("GET", "/queues")
    assert (queues["services"]["succeeded"], queues["services"]["queued"], queues["builds"]["limit"]) == (1, 0, 2)
    assert [one["host"] for one in (await api("GET", "/hosts"))[1]] == ["h1"]
    assert (await api("GET", "/status"))[1]["leads"] is True
    answer = await asyncio.to_thread(api._daemon.call, "GET", "/metrics")
    assert b"grille_controller_leader 1.0" in answer.body
    assert b'grille_tickets{queue="services",state="succeeded"} 1.0' in answer.body
