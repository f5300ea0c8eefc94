"""What grille_container decides, and what it asks Docker for."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest
from ansible_collections.grille.grille.plugins.modules import grille_container as module

PARAMS: dict[str, Any] = {
    "image": "grille/system:a",
    "command": ["etcd"],
    "env": {"PORT": 1},
    "labels": {"grille.layer": "0"},
    "mounts": [{"source": "/a", "target": "/b", "read_only": True, "propagation": "rprivate"}],
    "capabilities": ["SYS_ADMIN"],
    "security_options": [],
    "device_rules": ["b 7:* rwm"],
    "pid_mode": "host",
    "cgroup_mode": "",
    "memory": 64,
    "stop_timeout": 10,
}
WANTED = module.describe(PARAMS, "sha256:1")


def container(wanted: dict[str, Any], running: bool = True) -> dict[str, Any]:
    """Docker's inspection of a container that the module made."""
    return {"Config": module.request(wanted), "State": {"Running": running}}


@pytest.mark.parametrize(
    ("found", "wanted", "actions"),
    [
        (None, None, []),
        (None, WANTED, ["create", "start"]),
        (container(WANTED), WANTED, []),
        (container(WANTED, running=False), WANTED, ["start"]),
        (container(WANTED), None, ["remove"]),
        (container({**WANTED, "command": ["other"]}), WANTED, ["remove", "create", "start"]),
        (container({**WANTED, "image_id": "sha256:0"}), WANTED, ["remove", "create", "start"]),
        ({"Config": {"Labels": None}, "State": {"Running": True}}, WANTED, ["remove", "create", "start"]),
    ],
)
def test_decides(found: dict[str, Any] | None, wanted: dict[str, Any] | None, actions: list[str]) -> None:
    assert module.decide(found, wanted) == actions


def test_keeps_the_image_but_nothing_else() -> None:
    newer = {**WANTED, "image": "grille/system:b", "image_id": "sha256:2"}
    assert module.decide(container(WANTED), module.kept(container(WANTED), newer)) == []
    other = {**newer, "memory": 128}
    assert module.decide(container(WANTED), module.kept(container(WANTED), other)) == ["remove", "create", "start"]
    assert module.kept(None, newer) == newer


def test_arguments_of_the_first_start_are_no_part_of_the_description() -> None:
    made = module.request(WANTED, ["--initial-cluster-state=existing"])
    assert made["Cmd"] == ["etcd", "--initial-cluster-state=existing"]
    assert module.decide({"Config": made, "State": {"Running": True}}, WANTED) == []


def test_request_says_what_the_description_says() -> None:
    body = module.request(WANTED)
    assert body["Env"] == ["PORT=1"]
    assert body["Cmd"] == ["etcd"]
    assert body["HostConfig"]["Memory"] == 64 * 1024 * 1024
    assert body["HostConfig"]["Mounts"][0]["ReadOnly"] is True
    assert json.loads(body["Labels"]["grille.config"]) == WANTED


def test_waits_for_an_answer_and_gives_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/health"
        answers = [b"HTTP/1.0 503 No\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"]
        threading.Thread(target=answer_in_turn, args=(server, answers), daemon=True).start()
        assert module.well(url, 10)
    assert not module.well(url, 0.6)


def answer_in_turn(server: socket.socket, answers: list[bytes]) -> None:
    """Answer one connection with each of ``answers``."""
    for answer in answers:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)
