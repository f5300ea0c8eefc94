"""Two controllers: the leader dies, etcd goes away; what is queued is neither lost nor done twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

from grille.store import Store
from grille.wire.specs import JobSpec
from tests.services.controller.rig import Api, Host, Outcome, controller, until
from tests.support.etcd import EtcdServer


async def test_another_takes_over_and_does_each_thing_once(
    etcd: EtcdServer, store: Store, host: Host, tmp_path: Path
) -> None:
    first, second = controller(tmp_path, etcd.url, "c1"), controller(tmp_path, etcd.url, "c2")
    try:
        await asyncio.to_thread(first.start)
        api = Api(first)
        assert (await api.deploy("shop", image="shop:1"))["state"] == "succeeded"
        await asyncio.to_thread(second.start)
        gate = asyncio.Event()

        async def gated(spec: JobSpec) -> Outcome:
            await gate.wait()
            return await host.usual(spec)

        host.play = gated
        other = Api(second)
        _, run = await other("POST", "/apps/shop/runs", {"command": "true"})
        _, made = await other("POST", "/apps/shop/releases", {"image": "shop:2"})
        assert (await other("GET", "/status"))[1]["leads"] is False
        first.kill()
        _, late = await other("POST", "/apps/shop/runs", {"command": "true"})
        gate.set()
        for ticket in (run["id"], late["id"], made["ticket"]["id"]):
            assert (await other.done(ticket))["state"] == "succeeded"
        assert (await other("GET", "/status"))[1]["leads"] is True
        assert sum(spec.kind == "ephemeral" for spec in host.seen.values()) == 2
        assert sum(spec.release == 2 for spec in host.seen.values() if spec.kind == "service") == 1
        assert "Traceback" not in second.log
    finally:
        first.kill()
        second.kill()


async def test_reads_go_on_while_the_store_is_away(api: Api, host: Host, etcd: EtcdServer) -> None:
    await api.deploy("shop", image="shop:1")
    etcd.kill()
    try:
        status, shop = await api("GET", "/apps/shop")
        assert (status, shop["release"]["version"]) == (200, 1)
        status, refused = await api("PUT", "/apps/shop/formation", {"processes": {"web": 2}})
        assert (status, refused["code"]) == (503, "unavailable")
        await asyncio.sleep(2)
    finally:
        etcd.start()

    async def scaled() -> bool:
        return (await api("PUT", "/apps/shop/formation", {"processes": {"web": 2}}))[0] == 200

    await until("changes go through again", scaled)

    async def two() -> bool:
        return [job["state"] for job in (await api("GET", "/apps/shop"))[1]["jobs"]] == ["up", "up"]

    await until("and are carried out", two, 30)
