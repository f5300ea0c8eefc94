"""How long an app is away when its only instance is killed: Grille beside Docker Swarm, in one run.

``.venv/bin/python -m tests.bench.heal [ROUNDS]``, from the project's root, with a grid up. Each round kills the only
instance (``docker kill``) and asks until a *new* instance answers; the median and all figures are printed, and the
ratio to the peer. The peer runs the same image and server as a Swarm service with one replica, once with Swarm's
default restart delay (5 s) and once with none.
"""

from __future__ import annotations

import json
import secrets
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.support import apps
from tests.support.grid import command, docker, get, instances, playbook

PORT = 18941
SETTLE = 3.0  # seconds between rounds


def _measure(rounds: int, victim: Callable[[], str], served_by: Callable[[], str]) -> list[float]:
    """Seconds from each kill until another instance than the killed one answered."""
    seconds = []
    for _ in range(rounds):
        before, name = served_by(), victim()
        start = time.monotonic()
        docker("kill", name)
        while served_by() in ("", before) and time.monotonic() - start < 60:
            time.sleep(0.005)
        seconds.append(time.monotonic() - start)
        time.sleep(SETTLE)
    return seconds


def _grille(rounds: int) -> list[float]:
    app = f"t{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory() as folder:
        playbook("deploy", app=app, source=str(_source(Path(folder)))).ok()
    try:
        return _measure(rounds, lambda: instances(app)[0], lambda: _identity(get(app, timeout=10)[1]))
    finally:
        playbook("destroy", app=app).ok()


def _source(folder: Path) -> Path:
    """The test app, answering when its process started: a restarted instance is told from the killed one."""
    apps.web(folder, "bench")
    server = folder / "server.py"
    text = server.read_text(encoding="utf-8")
    server.write_text(text.replace("VERSION = 'bench'", "VERSION = str(time.time_ns())"), encoding="utf-8")
    return folder


def _identity(body: str) -> str:
    try:
        return str(json.loads(body)["version"])
    except (ValueError, KeyError):
        return ""


def _swarm(rounds: int, delay: str) -> list[float]:
    image = next(tag for tag in command("images/build.sh", "--tags").out.split() if tag.startswith("grille/run:"))
    with tempfile.TemporaryDirectory() as folder:
        source = _source(Path(folder))
        source.chmod(0o755)
        had_gateway = "docker_gwbridge" in docker("network", "ls", "--format", "{{.Name}}").split()
        docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:23771")
        try:
            words = ["service", "create", "--detach=false", "--quiet", "--no-resolve-image", "--name", "t-bench-heal"]
            words += ["--restart-delay", delay, "--mount", f"type=bind,source={source},target=/app"]
            words += ["--publish", f"mode=host,published={PORT},target=5000", "--env", "PORT=5000"]
            docker(*words, "--entrypoint", "python3 /app/server.py", image)
            return _measure(rounds, lambda: docker("ps", "-q", "-f", "name=t-bench-heal"), _direct)
        finally:
            docker("swarm", "leave", "--force")
            if not had_gateway:  # Swarm leaves its bridge behind
                docker("network", "rm", "docker_gwbridge")


def _direct() -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=2) as reply:
            return _identity(reply.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


def main() -> None:
    """Run both and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    ours = _grille(rounds)
    rows = {
        "Grille": ours,
        "Swarm, restart delay 5s": _swarm(rounds, "5s"),
        "Swarm, restart delay 0s": _swarm(rounds, "0s"),
    }
    print(f"killed instance to serving again, {rounds} rounds")
    for name, seconds in rows.items():
        median = statistics.median(seconds)
        spread = " ".join(f"{value:.2f}" for value in sorted(seconds))
        print(f"{name:26} median {median:6.2f} s  ratio {median / statistics.median(ours):5.2f}  [{spread}]")


if __name__ == "__main__":
    main()
