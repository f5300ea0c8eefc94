"""Builds, with a real shelf between the builder that is played and the controller that publishes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest

from grille.store import Store
from grille.wire import keys
from tests.services.controller.rig import DIGEST, SLUG, Api, Builder, Host, until
from tests.support.daemon import Daemon

SOURCE = b"a packed source"
SOURCE_DIGEST = hashlib.sha256(SOURCE).hexdigest()
GOOD: dict[str, Any] = {
    "slug": {"digest": DIGEST, "size": len(SLUG)},
    "processes": {"web": "python3 server.py", "worker": "python3 worker.py"},
    "buildpack": "python",
    "env": {"WEB_CONCURRENCY": "2", "PORT": "1"},
}


async def upload(shelf: Daemon) -> None:
    answer = await asyncio.to_thread(shelf.call, "PUT", f"/objects/sources/{SOURCE_DIGEST}.tar.gz", SOURCE)
    assert answer.status == 201


async def objects(shelf: Daemon) -> list[str]:
    answer = await asyncio.to_thread(shelf.call, "GET", "/objects")
    return [item["path"] for item in answer.json["objects"]]


async def build(api: Api) -> dict[str, Any]:
    status, ticket = await api("POST", "/apps/shop/builds", {"source": SOURCE_DIGEST, "env": {"A": "1"}})
    assert status == 201, ticket
    return await api.done(ticket["id"])


async def test_a_build_becomes_a_slug_and_a_release(api: Api, host: Host, shelf: Daemon) -> None:
    await upload(shelf)
    host.play = Builder(host, GOOD).play
    ticket = await build(api)
    assert (ticket["state"], ticket["result"]["slug"]) == ("succeeded", GOOD["slug"])
    assert ticket["result"]["logs"] == [f"said by {ticket['job']}"]
    assert f"slugs/{DIGEST}.squashfs" in await objects(shelf)
    spec = host.seen[ticket["job"]]
    assert (json.loads(spec.env["GRILLE_BUILD_ENV"]), spec.command) == ({"A": "1"}, ["build"])
    assert (await api.deploy("shop", build=ticket["id"], env={"A": "1"}))["state"] == "succeeded"
    _, shop = await api("GET", "/apps/shop")
    release = shop["release"]
    assert (release["source"], release["buildpack"]) == (SOURCE_DIGEST, "python")
    assert release["env"] == {"A": "1", "WEB_CONCURRENCY": "2"}
    assert {name: one["port"] for name, one in release["processes"].items()} == {"web": 5000, "worker": 0}
    assert {name: one["count"] for name, one in shop["formation"]["processes"].items()} == {"web": 1, "worker": 0}
    status, again = await api("POST", "/apps/shop/releases", {"build": ticket["id"]})
    assert (status, again["ticket"]) == (200, None)


ERROR = {"error": {"code": "no_procfile", "message": "there is no Procfile", "remedy": "add one"}}
BAD: dict[str, tuple[dict[str, Any], int, bytes, str]] = {
    "the user's mistake": (ERROR, 1, SLUG, "no_procfile"),
    "exit 1 and no error": ({}, 1, SLUG, "build_failed"),
    "a slug that is not what it says": (GOOD, 0, b"something else", "bad_slug"),
    "no process types": ({**GOOD, "processes": {}}, 0, SLUG, "no_procfile"),
    "a process type that is no name": ({**GOOD, "processes": {"We b": "x"}}, 0, SLUG, "invalid_process_type"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_build_that_fails_tells_its_code(api: Api, host: Host, shelf: Daemon, case: str) -> None:
    result, exit_code, slug, code = BAD[case]
    await upload(shelf)
    host.play = Builder(host, result, exit_code, slug).play
    ticket = await build(api)
    assert (ticket["state"], ticket["code"]) == ("failed", code)
    assert ticket["remedy"]
    status, refused = await api("POST", "/apps/shop/releases", {"build": ticket["id"]})
    assert (status, refused["code"]) == (422, "build_not_succeeded")
    assert (await api("GET", "/apps/shop"))[0] == 404
    assert f"slugs/{DIGEST}.squashfs" not in await objects(shelf)


async def test_a_build_waits_for_shelf(api: Api, host: Host, shelf: Daemon, store: Store) -> None:
    await upload(shelf)
    host.play = Builder(host, GOOD).play
    entry = await store.get(keys.instance("shelf", "s1"))
    assert entry is not None
    await store.delete(entry.key)
    _, ticket = await api("POST", "/apps/shop/builds", {"source": SOURCE_DIGEST})
    await asyncio.sleep(1.5)
    assert (await api("GET", f"/tickets/{ticket['id']}"))[1]["state"] == "queued"
    await store.put(entry.key, entry.value)
    assert (await api.done(ticket["id"]))["state"] == "succeeded"


async def test_destroying_an_app_drops_its_cache(api: Api, host: Host, shelf: Daemon) -> None:
    await api.deploy("shop", image="shop:1")
    await asyncio.to_thread(shelf.call, "PUT", "/objects/caches/shop.tar.zst", b"cache")
    await api("DELETE", "/apps/shop")

    async def gone() -> bool:
        return await objects(shelf) == []

    await until("the cache is gone", gone)
