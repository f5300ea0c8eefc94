"""HAProxy dies, its supervisor dies, both are told to stop, neither can start."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from tests.services.router.conftest import Apps
from tests.services.router.rig import Router, until
from tests.services.router.supervisor.rig import do, served
from tests.services.router.supervisor.test_handover import routed


def gone(pid: int) -> bool:
    """Whether there is no process ``pid`` any more."""
    return not os.path.exists(f"/proc/{pid}")


async def test_killed_haproxy_is_back_at_once_without_daemon(router: Router, apps: Apps) -> None:
    await routed(router, apps)
    router.daemon.kill()
    for _ in range(3):
        pid = await router.serving()
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: gone(pid))
        assert await served(router.http) < 3.0  # 1.5 s on an idle machine
        assert await router.get("app.example") == (200, "app")
    assert (await do(router, "status"))["starts"] == 4
    assert "killed by signal 9" in router.logs()


async def test_killed_supervisor_leaves_no_haproxy_behind(router: Router, apps: Apps) -> None:
    await routed(router, apps)
    await do(router, "handover")
    pid = router.haproxy_pid
    router.haproxy.kill()
    router.haproxy.wait()
    await until(lambda: gone(pid), timeout=2.0)
    router.start_haproxy()
    await served(router.http)
    assert await router.get("app.example") == (200, "app")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_it_lets_requests_end(router: Router, apps: Apps, number: signal.Signals) -> None:
    await routed(router, apps, delay=1.5)
    request = asyncio.create_task(router.get("app.example", "/slow"))
    await asyncio.sleep(0.3)
    router.haproxy.send_signal(number)
    assert await request == (200, "app")
    await router.client.close()
    assert await asyncio.to_thread(router.haproxy.wait, 5) == 0
    assert not [*router.folder.glob("haproxy*.sock"), *router.folder.glob("supervisor.sock")]


async def test_told_to_stop_it_waits_no_longer_than_it_may(router: Router, apps: Apps) -> None:
    router.haproxy.kill()
    router.haproxy.wait()
    router.start_haproxy(GRILLE_ROUTER_STOP_GRACE="0.5")
    await routed(router, apps, delay=20.0)
    request = asyncio.create_task(router.get("app.example", "/slow"))
    await asyncio.sleep(0.3)
    pid = router.haproxy_pid
    router.haproxy.terminate()
    assert await asyncio.to_thread(router.haproxy.wait, 5) == 0
    assert gone(pid)
    request.cancel()


async def test_hangup_is_a_hand_over(router: Router, apps: Apps) -> None:
    await routed(router, apps)
    pid = router.haproxy_pid
    router.haproxy.send_signal(signal.SIGHUP)
    await until(lambda: router.haproxy_pid not in (0, pid))
    assert (await do(router, "status"))["handover"] == "SIGHUP"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GRILLE_ROUTER_HTTP_PORT", "", "Address already in use"),
        ("GRILLE_ROUTER_HTTP_PORT", "http", "GRILLE_ROUTER_HTTP_PORT is 'http' (use a whole number)"),
        ("GRILLE_ROUTER_STOP_GRACE", "soon", "GRILLE_ROUTER_STOP_GRACE is 'soon' (use a number)"),
        ("GRILLE_ROUTER_BIND", "no address", "missing port specification in 'no'"),
    ],
)
async def test_what_cannot_start_says_why_in_a_line(router: Router, name: str, value: str, says: str) -> None:
    folder = router.folder / "other"
    taken = {"GRILLE_ROUTER_HTTP_PORT": str(router.http), "GRILLE_ROUTER_HTTPS_PORT": "0", "GRILLE_DATA": str(folder)}
    environ = {**router.environ, **taken, **({name: value} if value else {})}
    command = [sys.executable, "-m", "grille.router.haproxy"]
    done = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("grille haproxy: ")
    assert says in last
    assert "Traceback" not in done.stderr
    assert router.haproxy_pid
