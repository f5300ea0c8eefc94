"""Nothing a user asks may fail while servers come, go and die, or while the router itself is replaced."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time

from grille.wire import keys
from tests.services.router.conftest import Apps
from tests.services.router.rig import HOST, Load, Router, until
from tests.support.etcd import EtcdServer


def alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


async def test_servers_come_and_go_under_load(router: Router, apps: Apps) -> None:
    running = [await apps(f"app-{number}") for number in range(3)]
    for app in running:
        await router.register("app-web", app)
    first = await router.acknowledged(await router.route("app.example", "app-web"))

    async with Load(router, "app.example", 200) as load:
        for number in range(3, 15):
            fresh = await apps(f"app-{number}")
            await router.acknowledged(await router.register("app-web", fresh))
            old = running.pop(0)
            revision = await router.deregister("app-web", old.name)
            await router.status(lambda s, r=revision, n=old.name: s.revision >= r and not s.drains.get(n))
            await old.stop()
            running.append(fresh)
            await asyncio.sleep(0.1)

    assert load.sent > 200
    assert load.failures == []
    last = await router.status(lambda status: not status.drains)
    assert last.pid == first.pid == router.haproxy_pid
    assert alive(first.pid)


async def test_requests_wait_for_the_replacement_of_the_only_server(router: Router, apps: Apps) -> None:
    old, new = await apps("old"), await apps("new")
    await router.register("app-web", old)
    await router.acknowledged(await router.route("app.example", "app-web"))

    async with Load(router, "app.example", 100) as load:
        await asyncio.sleep(0.3)
        await old.stop()
        await asyncio.sleep(0.2)
        await router.deregister("app-web", "old")
        await asyncio.sleep(1.5)
        await router.register("app-web", new)
        await asyncio.sleep(0.5)

    assert load.sent > 200
    assert load.failures == []
    assert 1.0 < load.slowest < 4.0
    assert len(new.requests) > 150


async def test_dead_server_among_several_is_left_out_at_once(router: Router, apps: Apps) -> None:
    dead, good, other = await apps("dead"), await apps("good"), await apps("other")
    for app in (dead, good, other):
        await router.register("app-web", app)
    await router.acknowledged(await router.route("app.example", "app-web"))

    async with Load(router, "app.example", 100) as load:
        await asyncio.sleep(0.3)
        await dead.stop()
        await asyncio.sleep(0.5)

    assert load.failures == []
    assert load.slowest < 0.5


async def test_drain_waits_for_the_slow_request(router: Router, apps: Apps) -> None:
    slow, other = await apps("slow", delay=1.5), await apps("other")
    await router.register("app-web", slow)
    await router.acknowledged(await router.route("app.example", "app-web"))
    request = asyncio.create_task(router.get("app.example", "/slow"))
    await until(lambda: bool(slow.requests))
    await router.register("app-web", other)

    status = await router.acknowledged(await router.deregister("app-web", "slow"))
    assert status.drains == {"slow": 1}
    assert {(await router.get("app.example"))[1] for _ in range(6)} == {"other"}
    await router.status(lambda status: not status.drains.get("slow"))
    assert await request == (200, "slow")
    await router.status(lambda status: "slow" not in status.drains, timeout=3)
    assert list(json.loads(await router.ask("/routes"))["routes"][0]["servers"]) == ["other"]


async def test_instance_that_returns_elsewhere_while_it_drains(router: Router, apps: Apps) -> None:
    slow, again = await apps("slow", delay=1.0), await apps("again")
    await router.register("app-web", slow, "one")
    await router.acknowledged(await router.route("app.example", "app-web"))
    request = asyncio.create_task(router.get("app.example", "/slow"))
    await until(lambda: bool(slow.requests))
    await router.acknowledged(await router.deregister("app-web", "one"))

    status = await router.acknowledged(await router.register("app-web", again, "one"))
    assert status.drains == {}
    assert await router.get("app.example") == (200, "again")
    assert await request == (200, "slow")


async def test_killed_haproxy_comes_back_whole_without_daemon_or_store(router: Router, apps: Apps) -> None:
    app = await apps("app")
    await router.register("app-web", app)
    await router.route("other.example", "idle-web")
    await router.acknowledged(await router.route("app.example", "app-web", "/shop"))
    await until(lambda: "app.example/shop/" in router.saved())
    router.daemon.kill()
    router.haproxy.kill()
    router.haproxy.wait()
    await until(lambda: not listening(router))

    router.start_haproxy()
    await until(lambda: listening(router))
    assert await router.get("app.example", "/shop") == (200, "app")
    assert "no_instance" in (await router.get("other.example"))[1]

    router.start_daemon()  # what came from the file can be changed and removed like all else
    fresh = await apps("fresh")
    await router.register("app-web", fresh)
    await router.deregister("app-web", "app")
    await router.status(lambda status: status.pid == router.haproxy_pid and not status.drains)
    await until(lambda: '"fresh"' in router.saved())
    assert list(json.loads(await router.ask("/routes"))["routes"][0]["servers"]) == ["fresh"]
    assert await router.get("app.example", "/shop") == (200, "fresh")


async def test_haproxy_restart_is_noticed_and_a_broken_state_file_survived(router: Router, apps: Apps) -> None:
    app = await apps("app")
    await router.register("app-web", app)
    before = await router.acknowledged(await router.route("app.example", "app-web"))
    await until(lambda: "app.example/" in router.saved())
    router.haproxy.kill()
    router.haproxy.wait()
    (router.folder / "state.json").write_text('{"maps": 7}')

    router.start_haproxy()
    after = await router.status(lambda status: status.pid == router.haproxy_pid)
    assert after.pid != before.pid
    assert await router.get("app.example") == (200, "app")
    assert "starting empty" in router.logs()


async def test_daemon_killed_and_back_while_haproxy_routes(router: Router, apps: Apps) -> None:
    old, new = await apps("old"), await apps("new")
    await router.register("app-web", old)
    first = await router.acknowledged(await router.route("app.example", "app-web"))

    async with Load(router, "app.example", 50) as load:
        router.daemon.send_signal(signal.SIGKILL)
        router.daemon.wait()
        await router.register("app-web", new)
        revision = await router.deregister("app-web", "old")
        await asyncio.sleep(0.3)
        router.start_daemon()
        last = await router.status(lambda s: s.revision >= revision and not s.drains.get("old"))
        await old.stop()
        await asyncio.sleep(0.2)

    assert load.failures == []
    assert last.pid == first.pid
    entry = await router.store.get(keys.router(HOST))
    assert entry is not None
    assert await router.store.keepalive(entry.lease) > 0


async def test_frozen_store_changes_nothing_and_idle_writes_nothing(
    router: Router, apps: Apps, etcd: EtcdServer
) -> None:
    app = await apps("app")
    await router.register("app-web", app)
    await router.acknowledged(await router.route("app.example", "app-web"))
    await asyncio.sleep(0.3)
    revision = await router.store.revision()
    await asyncio.sleep(1.0)
    assert await router.store.revision() == revision

    etcd.freeze()
    try:
        await asyncio.sleep(1.0)
        assert await router.get("app.example") == (200, "app")
    finally:
        etcd.thaw()
    fresh = await apps("fresh")
    began = time.monotonic()
    await router.acknowledged(await router.register("app-web", fresh))
    assert time.monotonic() - began < 5


def listening(router: Router) -> bool:
    port = f":{router.http:04X} "
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(port in line and " 0A " in line for line in table)
