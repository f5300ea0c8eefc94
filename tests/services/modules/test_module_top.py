"""grille_top_info and the playbooks that show what routers know, against a controller and a real HAProxy."""

from __future__ import annotations

import asyncio

from grille.codec import encode
from grille.store import Store
from grille.wire import keys
from grille.wire.specs import Instance
from tests.services.modules.rig import Grid
from tests.services.router.teller import Teller


async def test_the_top_of_a_router(grid: Grid) -> None:
    key = keys.instance("router", "r1")
    none = await asyncio.to_thread(grid.task, "grille_top_info")
    assert (none["changed"], none["services"], none["report"]) == (False, [], ["no route leads to a running service"])

    router = Teller()
    try:
        await router.start()
        await router.get("shop.example")
        async with Store([grid.etcd.url]) as store:
            await store.put(key, encode(Instance(id="r1", service="router", address="127.0.0.1", port=router.api)))
        found, wrong = await asyncio.to_thread(
            grid.tasks,
            ("grille_top_info", True, {"by": "latency", "limit": 1}),
            ("grille_top_info", False, {"by": "x"}),
        )
        assert [one["service"] for one in found["services"]] == ["shop-web"]
        assert (found["changed"], found["routers"], found["missing"]) == (False, ["r1"], [])
        assert found["report"][1].split()[0] == "shop-web"
        assert "value of by must be one of" in wrong["msg"]
        shown = await asyncio.to_thread(grid.play, "top", limit=5)
        assert "blog-web~h2c" in shown.ok().out
    finally:
        await router.stop()
        async with Store([grid.etcd.url]) as store:
            await store.delete(key)
