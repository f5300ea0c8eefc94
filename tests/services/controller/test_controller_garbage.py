"""Garbage in a real shelf and a real store: what nothing names goes, what is young or named stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from grille.codec import encode
from grille.controller import app, config
from grille.controller.carry.collect import Collector
from grille.controller.context import Context
from grille.service.settings import Settings
from grille.service.tokens import Tokens
from grille.store import Store
from grille.wire import keys
from grille.wire.specs import App, Formation, Release, Slug, Ticket
from tests.services.controller.test_controller_builds import objects
from tests.support.daemon import Daemon

KEPT = "a" * 64
OLD = "b" * 64
LATER = 2 * 3600.0


@pytest.fixture
async def context(store: Store, shelf: Daemon, tmp_path: Path) -> AsyncIterator[Context]:
    """A controller's parts in this process, leading."""
    settings = config.read(Settings({"GRILLE_HOST": "c1", "GRILLE_SHELF_KEY": str(tmp_path / "shelf.key")}))
    tokens = Tokens(str(tmp_path / "shelf" / "tokens"))
    async with aiohttp.ClientSession() as session:
        made = app.assemble(settings, store, session, tokens)
        tasks = [asyncio.create_task(one()) for one in (made.mirror.run, made.election.run)]
        await made.mirror.ready()
        async with asyncio.timeout(5):
            while not made.election.leads():
                await asyncio.sleep(0.02)
        yield made
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def release(store: Store, version: int, digest: str) -> None:
    record = Release(app="shop", version=version, created=1.0, slug=Slug(digest=digest, size=1), source=digest)
    await store.put(keys.release("shop", version), encode(record))


async def test_what_nothing_names_goes_when_it_is_old(context: Context, store: Store, shelf: Daemon) -> None:
    await store.put(keys.app("shop"), encode(App(name="shop", created=1.0, last_release=14)))
    await store.put(keys.formation("shop"), encode(Formation(app="shop", release=2)))
    for version in range(1, 15):
        await release(store, version, OLD if version == 1 else KEPT)
    running = Ticket(id="b1", queue="builds", app="other", created=1.0, state="running", payload={"source": "c" * 64})
    await store.put(keys.ticket("builds", "b1"), encode(running))
    kept = [
        f"slugs/{KEPT}.squashfs",
        f"sources/{KEPT}.tar.gz",
        f"sources/{'c' * 64}.tar.gz",
        "builds/b1/slug.squashfs",
        "caches/shop.tar.zst",
        "mine/notes",
    ]
    dropped = [f"slugs/{OLD}.squashfs", f"sources/{OLD}.tar.gz", "builds/b0/result.json", "caches/gone.tar.zst"]
    for path in kept + dropped:
        await asyncio.to_thread(shelf.call, "PUT", f"/objects/{path}", b"x")
    await Collector(context).collect(time.time())
    assert sorted(await objects(shelf)) == sorted(kept + dropped)
    await Collector(context).collect(time.time() + LATER)
    assert sorted(await objects(shelf)) == sorted(kept)
    left = await store.list(keys.RELEASES)
    assert [int(key.rpartition("/")[2]) for key in sorted(left.entries)] == [2, *range(5, 15)]
