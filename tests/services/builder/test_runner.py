"""The runner, as the entry point of the run image."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / ".profile.d").mkdir(parents=True)
    (folder / ".profile.d" / "a.sh").write_text('export FROM_PROFILE_D="d$GIVEN"\n')
    (folder / ".profile").write_text('export FROM_PROFILE="p$FROM_PROFILE_D"\n')
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    return folder


def run(images: dict[str, str], app: Path | None, *command: str) -> tuple[int, str]:
    mount = ["--volume", f"{app}:/app"] if app else []
    line = ["docker", "run", "--rm", "--env", "GIVEN=1", "--env", "PORT=5001", *mount, images["run"], *command]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout.strip()


def test_a_process_has_the_profiles_home_and_port(images, app):
    line = 'echo "$FROM_PROFILE $HOME $PWD $PORT $(id -u)"'
    assert run(images, app, "start", "web", line) == (0, "pd1 /app /app 5001 1000")


def test_a_run_passes_its_exit_code_through(images, app):
    assert run(images, app, "run", "echo", "$FROM_PROFILE;", "exit", "7") == (7, "pd1")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["start", "web", "true"], "/app is empty: the app's slug is not mounted"),
        (["fly"], "unknown verb 'fly'"),
        (["build"], "this image cannot build"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(images, command, message):
    code, output = run(images, None, *command)
    assert code == 70
    assert output.startswith("grille: ")
    assert message in output
    assert "\n" not in output


GRACEFUL = "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(1), print('graceful'), sys.exit(0)))"


@pytest.fixture
def container() -> Iterator[str]:
    name = f"t-img-runner-{time.monotonic_ns()}"
    yield name
    subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)


@pytest.mark.parametrize("prefix", ["", "cd / && ", "sleep 100 & "])
def test_sigterm_reaches_the_app_which_may_end_gracefully(images, app, container, prefix):
    (app / "app.py").write_text(f"{GRACEFUL}\nprint('ready', flush=True)\nwhile True: time.sleep(0.1)\n")
    line = f"{prefix}python3 -u /app/app.py"
    subprocess.run(
        ["docker", "run", "-d", "--name", container, "-v", f"{app}:/app", images["run"], "start", "web", line],
        check=True,
        capture_output=True,
    )
    logs = ""
    while "ready" not in logs:
        time.sleep(0.1)
        logs = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True).stdout
    began = time.monotonic()
    subprocess.run(["docker", "stop", "--time", "20", container], check=True, capture_output=True)
    assert time.monotonic() - began < 5
    logs = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True).stdout
    assert "graceful" in logs
