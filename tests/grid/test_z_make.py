"""make up twice, make down: what the README promises. Runs last, because it takes the grid down."""

from __future__ import annotations

import time

from tests.support.grid import command, get


def _leftovers() -> dict[str, str]:
    mounts = command("sh", "-c", "grep -c /var/lib/grille /proc/mounts || :")
    processes = command("sh", "-c", "pgrep -af -- '-m grille[.]|/var/lib/grille' | grep -v -e pytest -e pgrep || :")
    return {
        "containers": command("docker", "ps", "-aq", "--filter", "label=grille.app").out.strip(),
        "networks": command("docker", "network", "ls", "-q", "--filter", "label=grille").out.strip(),
        "volumes": command("docker", "volume", "ls", "-q", "--filter", "label=grille.job").out.strip(),
        "mounts": mounts.out.strip().replace("0", ""),
        "processes": processes.out.strip(),
    }


def test_up_down_up(grid: None, was_up: bool) -> None:
    first = command("make", "up", timeout=900).ok()
    assert "http://hello.grille.localhost" in first.out
    started = time.monotonic()
    again = command("make", "up", timeout=300).ok()
    assert again.changed == 0
    assert time.monotonic() - started < 90  # the promise is 45 s on a quiet machine
    assert get("hello")[0] == 200
    command("make", "down", timeout=300).ok()
    assert {what: left for what, left in _leftovers().items() if left} == {}
    command("make", "down", timeout=300).ok()
    if was_up:
        command("make", "up", timeout=300).ok()
        assert get("hello")[0] == 200
