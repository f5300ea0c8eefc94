"""One HAProxy takes over from another: no request fails, no stream is cut, and the daemon follows."""

from __future__ import annotations

import asyncio
import contextlib
import stat

import pytest

from grille.router.supervisor import runtime
from tests.services.router.conftest import Apps
from tests.services.router.rig import Router, until
from tests.services.router.supervisor.rig import Client, Clients, ask, do

TIMES = 10


async def routed(router: Router, apps: Apps, *, delay: float = 0.0) -> None:
    """One app behind ``app.example``, and what was saved has it."""
    await router.register("app-web", await apps("app", delay=delay))
    await router.acknowledged(await router.route("app.example", "app-web"))
    await until(lambda: "app.example/" in router.saved())


async def test_no_request_fails_over_hand_overs(router: Router, apps: Apps) -> None:
    await routed(router, apps)
    pids = [router.haproxy_pid]

    async with Clients(router, "app.example", kept=10, fresh=4) as clients:
        for number in range(TIMES):
            answer = await do(router, "handover", reason=f"number {number}")
            assert answer["ok"], answer
            pids.append(answer["pid"])
            await asyncio.sleep(0.3)

    assert clients.failures == []
    assert min(each.sent for each in (*clients.kept, *clients.fresh)) > TIMES
    assert all(1 < each.connections <= TIMES + 1 for each in clients.kept)  # told to close once a process, at most
    assert len(set(pids)) == TIMES + 1
    status = await do(router, "status")
    assert (status["pid"], status["handovers"], status["handover"]) == (pids[-1], TIMES, f"number {TIMES - 1}")
    await until(lambda: ask(router, '{"do": "status"}')["old"] == [])


async def test_request_under_way_ends_in_the_old_process_and_is_counted(router: Router, apps: Apps) -> None:
    await routed(router, apps, delay=2.0)
    old = router.haproxy_pid
    request = asyncio.create_task(router.get("app.example", "/slow"))
    await asyncio.sleep(0.3)

    assert (await do(router, "handover"))["ok"]
    assert [each["pid"] for each in (await do(router, "status"))["old"]] == [old]
    assert (await do(router, "sessions"))["sessions"] == {"app": 1}
    assert await request == (200, "app")
    await router.client.close()
    await until(lambda: ask(router, '{"do": "status"}')["old"] == [])


async def test_daemon_follows_to_the_new_process(router: Router, apps: Apps) -> None:
    await routed(router, apps)
    answer = await do(router, "handover", reason="test")
    await router.status(lambda status: status.pid == answer["pid"])
    await router.deregister("app-web", "app")
    await router.acknowledged(await router.register("app-web", await apps("fresh")))
    assert {(await router.get("app.example"))[1] for _ in range(4)} == {"fresh"}


async def test_connection_to_the_old_command_line_stands_while_it_is_of_use(router: Router, apps: Apps) -> None:
    await routed(router, apps, delay=2.0)
    await router.client.close()
    with contextlib.closing(runtime.Line(router.folder / "haproxy-1.sock")) as kept:
        request = asyncio.create_task(Client(router.http, "app.example", keep=False).once("/slow"))
        await asyncio.sleep(0.3)
        assert (await do(router, "handover", keep=True))["ok"]
        assert runtime.number(kept.ask("show info"), "CurrConns") == 1
        assert await request == 200
        await until(lambda: ask(router, '{"do": "status"}')["old"] == [])
        with pytest.raises(ConnectionError):
            kept.ask("show info")


async def test_hand_over_that_fails_changes_nothing(router: Router, apps: Apps) -> None:
    await routed(router, apps)
    pid = router.haproxy_pid
    router.daemon.kill()
    (router.folder / "state.json").write_text('{"maps": 7}')

    answer = await do(router, "handover")
    assert not answer["ok"]
    assert "state.json" in answer["error"]
    assert router.haproxy_pid == pid
    assert await router.get("app.example") == (200, "app")
    assert (await do(router, "status"))["handovers"] == 0


async def test_socket_is_roots_and_answers_nonsense_in_a_line(router: Router) -> None:
    await until((router.folder / "supervisor.sock").exists)
    assert stat.S_IMODE((router.folder / "supervisor.sock").stat().st_mode) == 0o600
    for line in ("", "[]", "handover", '{"do": "dance"}', '{"do": ["handover"]}', "\x00" * 9000):
        assert not ask(router, line)["ok"]
    assert (await do(router, "status"))["handovers"] == 0
