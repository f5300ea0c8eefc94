"""Each of Grille's own containers killed under load; then the Docker service stopped and started."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import apps
from tests.support.grid import DOMAIN, answer, command, control, docker, get, haproxy_pid, instances, playbook, until
from tests.support.load import Load

BRICKS = ["etcd", "agent", "guard", "discoverd", "shelf", "controller", "router"]


def _started(name: str) -> str:
    shown = command("docker", "inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", name)
    return shown.out.strip() if shown.rc == 0 and shown.out.startswith("true") else ""


@pytest.mark.parametrize("brick", BRICKS)
def test_killed_brick_returns_and_no_request_fails(lasting: str, brick: str) -> None:
    name, pid, running = f"grille-{brick}", haproxy_pid(), instances(lasting)
    before = _started(name)
    with Load(f"{lasting}.{DOMAIN}", rate=110) as load:
        time.sleep(0.5)
        docker("kill", name)
        until(f"{name} runs again", lambda: _started(name) not in ("", before), 30)
        time.sleep(3)
    assert load.failed == []
    assert haproxy_pid() == pid
    assert instances(lasting) == running
    until("the controller answers", lambda: _answers(), 30)


def _answers() -> bool:
    try:
        return bool(control("GET", "/queues"))
    except OSError:
        return False


def test_killed_haproxy_returns_with_all_routes(lasting: str) -> None:
    docker("kill", "grille-haproxy")
    until("HAProxy serves again", lambda: get(lasting)[0] == 200, 20)


def test_a_queued_build_survives_the_controller(app: str, source: Path) -> None:
    (source / "requirements.txt").write_text("flask\n", encoding="utf-8")
    with ThreadPoolExecutor() as pool:
        deploy = pool.submit(playbook, "deploy", app=app, source=str(source))
        until("the build runs", lambda: instances(app, "build"), 60)
        docker("kill", "grille-controller")
        deploy.result().ok()
    assert answer(app)["version"] == "one"


def test_docker_restart_brings_everything_back(deployed: str, source: Path) -> None:
    playbook("scale", app=deployed, scale={"web": 2}).ok()
    command("service", "docker", "stop", timeout=120).ok()
    until("Docker is down", lambda: command("docker", "info").rc != 0, 60)
    time.sleep(1)
    started = time.monotonic()
    command("service", "docker", "start", timeout=120).ok()
    until("the app answers", lambda: get(deployed)[0] == 200, 60)
    print(f"answered {time.monotonic() - started:.1f} s after the start of Docker")
    until("both instances run", lambda: len(instances(deployed)) == 2, 60)
    until("the controller answers", lambda: _answers(), 60)
    apps.web(source, "two")
    playbook("deploy", app=deployed, source=str(source)).ok()
    assert answer(deployed)["version"] == "two"
