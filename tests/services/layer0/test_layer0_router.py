"""The role router: what it refuses before anything is touched, and that it changes nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLAY = """- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: router}
      vars: {grille_action: precheck}
"""
INVENTORY = """[router]
node1 ansible_connection=local grille_address=127.0.0.1
"""


class Role:
    """The role's verb ``precheck`` on this machine, with settings of one's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "play.yml").write_text(PLAY)
        (folder / "hosts.ini").write_text(INVENTORY)

    def precheck(self, **settings: Any) -> tuple[int, str]:
        """The exit code and all output, on lines of any length."""
        words = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            str(self._folder / "hosts.ini"),
            str(self._folder / "play.yml"),
            "--diff",
        ]
        words += ["-e", json.dumps(settings)]
        environ = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def role(tmp_path: Path) -> Role:
    """The role."""
    return Role(tmp_path)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on, from 1024 up and below those of outgoing connections."""
    with socket.socket() as listener:
        for port in range(15000, 16000):
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            break
        listener.listen()
        yield listener.getsockname()[1]


FREE: dict[str, Any] = {"grille_router_http_port": 0, "grille_router_https_port": 0, "grille_router_tcp_ports": ""}


def test_what_is_right_changes_nothing(role: Role) -> None:
    code, said = role.precheck(**{**FREE, "grille_router_proxies": ["192.0.2.0/24", "2001:db8::/32", "192.0.2.7"]})
    assert code == 0, said
    assert "changed=0" in said


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"grille_router_tcp_ports": "20000"}, "give a range from 1024 to 65535 like 20000-20099"),
        ({"grille_router_tcp_ports": "20009-20000"}, "give a range from 1024 to 65535"),
        ({"grille_router_tcp_ports": "20000-30000"}, "of at most 1000 ports"),
        ({"grille_router_tcp_ports": "7400-7410"}, "has 7410 in it, where the grid itself listens"),
        ({"grille_router_tcp_ports": "18000-18010", "grille_router_http_port": 18005}, "has 18005 in it"),
        (
            {"grille_router_proxies": ["192.0.2.0/33", "lb.example"]},
            "grille_router_proxies has 192.0.2.0/33, lb.example",
        ),
        ({"grille_router_pool": 0}, "grille_router_pool is 0; give a number from 1 to 20000"),
        ({"grille_router_https_port": 70000}, "grille_router_https_port 70000; give ports"),
        ({"router_nofile": 2000000000}, "raise LimitNOFILE of docker.service"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(role: Role, settings: dict[str, Any], says: str) -> None:
    code, said = role.precheck(**{**FREE, **settings})
    assert code == 2
    assert says in said


def test_ports_of_outgoing_connections_are_refused(role: Role) -> None:
    first, last = (int(word) for word in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    code, said = role.precheck(**{**FREE, "grille_router_tcp_ports": f"{last - 9}-{last}"})
    assert code == 2
    assert f"outgoing connections ({first}-{last})" in said
    assert f"net.ipv4.ip_local_reserved_ports={last - 9}-{last}" in said


def test_port_that_is_taken_is_named(role: Role, taken: int) -> None:
    code, said = role.precheck(**{**FREE, "grille_router_tcp_ports": f"{taken}-{taken + 1}"})
    assert code == 2
    assert f"port {taken} is taken by" in said
    assert "set grille_router_tcp_ports" in said
