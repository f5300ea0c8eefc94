"""From source to a release that runs, through the playbooks: build, follow, compare, scale, run, roll back, destroy."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.modules.rig import Grid, docker
from tests.support import apps
from tests.support.grid import ROOT, Result


@pytest.fixture
def app(grid: Grid) -> Iterator[str]:
    """The name of an app that nobody has, destroyed after the test."""
    name = f"t{secrets.token_hex(4)}"
    yield name
    grid.play("destroy", app=name).ok()
    assert docker("ps", "-aq", "--filter", f"label=grille.app={name}") == ""


def _fails(result: Result, *says: str) -> None:
    assert result.rc != 0, result.out
    assert "Traceback" not in result.out
    assert "Task failed" in result.out
    for text in says:
        assert text in result.out, result.out


def _states(grid: Grid, app: str) -> list[tuple[str, str]]:
    return sorted(
        (job["process"], job["state"]) for job in grid.get(f"/apps/{app}")["jobs"] if job["kind"] == "service"
    )


def test_life_of_an_app(grid: Grid, app: str, source: Path) -> None:
    planned = grid.play("deploy", "--check", "--diff", app=app, source=str(source)).ok()
    assert planned.changed == 1
    assert "web: python3 server.py" in planned.out
    assert grid.get(f"/apps/{app}") == {"status": 404}

    first = grid.play("deploy", app=app, source=str(source)).ok()
    assert first.changed == 1
    assert "Python app detected" in first.out
    assert f"{app} is release 1, at http://{app}.grille.test/" in first.out
    again = grid.play("deploy", app=app, source=str(source)).ok()
    assert again.changed == 0
    assert "Python app detected" not in again.out

    secret = {"GREETING": "hunter2"}
    for flags in (("--check", "--diff"), ("--diff",)):
        out = grid.play("deploy", *flags, app=app, source=str(source), env=secret).ok()
        assert out.changed == 1
        assert "GREETING" in out.out
        assert "hunter2" not in out.out
        assert "Python app detected" not in out.out
    assert [one["version"] for one in grid.get(f"/apps/{app}/releases")] == [2, 1]

    scale = {"web": "2", "worker": 1}
    assert grid.play("scale", "--check", app=app, scale=scale).ok().changed == 1
    assert grid.play("scale", app=app, scale=scale).ok().changed == 1
    assert _states(grid, app) == [("web", "up"), ("web", "up"), ("worker", "up")]
    assert grid.play("scale", app=app, scale=scale).ok().changed == 0
    assert grid.play("deploy", app=app, scale={"web": 1, "worker": 0}).ok().changed == 1
    assert _states(grid, app) == [("web", "up")]
    assert len(grid.get(f"/apps/{app}/releases")) == 2

    assert grid.play("rollback", "--check", app=app).ok().changed == 1
    assert f"{app} is release 3" in grid.play("rollback", app=app).ok().out
    assert grid.get(f"/apps/{app}")["release"]["env"] == {}
    assert grid.play("rollback", app=app, version=1).ok().changed == 0
    _fails(grid.play("rollback", app=app, version=99), "there is no release 99", "1, 2, 3")

    told = grid.play("info", app=app).ok().out
    assert all(word in told for word in (f"{app}-web-", f"{app}.grille.test/", " up", grid.name))
    assert "listening as one" in grid.play("logs", app=app, tail=50).ok().out
    assert app in grid.play("info").ok().out
    _fails(grid.play("info", app="nosuch"), "there is no app 'nosuch'", app)


def test_run(grid: Grid, app: str, source: Path) -> None:
    grid.play("deploy", app=app, source=str(source)).ok()
    done = grid.play("run", app=app, command='echo "out  $GRILLE_APP"; echo err >&2').ok()
    assert f"out  {app}" in done.out
    assert "err" in done.out
    _fails(grid.play("run", app=app, command="echo before; exit 7"), "  before", "the command exited with 7")
    result = grid.task("grille_run", app=app, command="echo before; exit 7")
    assert (result["rc"], result["stdout"]) == (7, "before")
    assert "out-of-check" not in grid.play("run", "--check", app=app, command="printf out-of-; echo check").ok().out
    typed = grid.play("run", "-e", f"app={app}", "-e", "command=echo  two blanks --a=b").ok()
    assert "two blanks --a=b" in typed.out
    _fails(grid.play("run", app="nosuch", command="true"), "there is no app 'nosuch'")


def test_output_comes_while_it_is_written(grid: Grid, app: str, source: Path) -> None:
    grid.play("deploy", app=app, source=str(source)).ok()
    words = ["ansible-playbook", "-i", str(grid.folder / "inventory.ini"), "playbooks/run.yml"]
    words += ["-e", f"app={app}", "-e", "command=echo begin; sleep 5; echo end"]
    at: dict[str, float] = {}
    with subprocess.Popen(words, cwd=ROOT, env=grid.environ, stdout=subprocess.PIPE, text=True) as play:
        assert play.stdout is not None
        for line in play.stdout:
            at.setdefault(line.strip(), time.monotonic())
    assert at["end"] - at["begin"] > 2


def test_failures_leave_the_former_release(grid: Grid, app: str, source: Path) -> None:
    (source / "Procfile").write_text("web: echo good-bye; exit 3\n", encoding="utf-8")
    _fails(grid.play("deploy", app=app, source=str(source)), "good-bye", "exited with code 3")
    assert grid.get(f"/apps/{app}") == {"status": 404}
    apps.web(source)
    grid.play("deploy", app=app, source=str(source)).ok()
    (source / "Procfile").write_text("web: sleep 600\n", encoding="utf-8")
    settings = {"web": {"boot_timeout": 2}}
    _fails(grid.play("deploy", app=app, source=str(source), settings=settings), "port 5000")
    (source / "Procfile").unlink()
    no_procfile = grid.play("deploy", app=app, source=str(source))
    _fails(no_procfile, "the app has no Procfile", "code: no_procfile")
    assert no_procfile.out.count("Python app detected") == 1
    assert [one["version"] for one in grid.get(f"/apps/{app}/releases")] == [1]
    assert _states(grid, app) == [("web", "up")]


def test_a_controller_that_restarts_during_a_build_is_waited_for(grid: Grid, app: str, source: Path) -> None:
    words = ["ansible-playbook", "-i", str(grid.folder / "inventory.ini"), "playbooks/deploy.yml"]
    words += ["-e", f"app={app}", "-e", f"source={source}"]
    with subprocess.Popen(words, cwd=ROOT, env=grid.environ, stdout=subprocess.PIPE, text=True) as play:
        assert play.stdout is not None
        seen = ""
        for line in play.stdout:
            seen += line
            if "Unpacking the source" in line:
                grid.controller.kill()
                time.sleep(2)
                grid.controller.start()
    assert play.returncode == 0, seen
    assert _states(grid, app) == [("web", "up")]


def test_wrong_scale(grid: Grid, app: str, source: Path) -> None:
    grid.play("deploy", app=app, source=str(source)).ok()
    for scale in ({"web": -1}, {"web": "many"}, {"nosuchtype": 1}):
        _fails(grid.play("scale", app=app, scale=scale), next(iter(scale)))


@pytest.mark.parametrize("play", ["deploy", "scale", "run", "rollback", "destroy", "logs"])
def test_missing_variable(grid: Grid, play: str) -> None:
    _fails(grid.play(play), f"{play}.yml needs app")
