"""Deploying from source: folders, git trees, refs; again without a change; what --check says."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support import apps
from tests.support.grid import ROOT, answer, control, get, playbook


def _git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def test_deploy_streams_the_build_and_answers_then_changes_nothing(app: str, source: Path) -> None:
    first = playbook("deploy", app=app, source=str(source)).ok()
    assert "Python app detected" in first.out
    assert f"http://{app}.grille.localhost" in first.out
    assert answer(app)["version"] == "one"
    again = playbook("deploy", app=app, source=str(source)).ok()
    assert again.changed == 0
    assert "Python app detected" not in again.out
    assert [release["version"] for release in control("GET", f"/apps/{app}/releases")] == [1]


def test_check_tells_what_would_change_and_changes_nothing(app: str, source: Path) -> None:
    planned = playbook("deploy", "--check", "--diff", app=app, source=str(source)).ok()
    assert planned.changed > 0
    assert get(app)[0] == 404
    playbook("deploy", app=app, source=str(source)).ok()
    assert playbook("deploy", "--check", "--diff", app=app, source=str(source)).ok().changed == 0
    apps.web(source, "two")
    planned = playbook("deploy", "--check", "--diff", app=app, source=str(source), env={"GREETING": "hi"}).ok()
    assert planned.changed > 0
    assert "GREETING" in planned.out
    assert len(control("GET", f"/apps/{app}/releases")) == 1
    assert answer(app)["version"] == "one"


def test_git_tree_and_ref(app: str, source: Path) -> None:
    _git(source, "init", "-q", "-b", "main")
    (source / ".gitignore").write_text("junk\n", encoding="utf-8")
    _git(source, "add", ".")
    _git(source, "commit", "-qm", "one")
    _git(source, "tag", "first")
    apps.web(source, "two")
    (source / "junk").write_text("ignored", encoding="utf-8")
    playbook("deploy", app=app, source=str(source)).ok()
    assert answer(app)["version"] == "two"
    (source / "junk").write_text("ignored all the same", encoding="utf-8")
    assert playbook("deploy", app=app, source=str(source)).ok().changed == 0
    playbook("deploy", app=app, source=f"{source}#first").ok()
    assert answer(app)["version"] == "one"
    failed = playbook("deploy", app=app, source=f"{source}#nowhere")
    assert failed.rc != 0
    assert "nowhere" in failed.out
    assert "Traceback" not in failed.out


def test_static_site(app: str) -> None:
    playbook("deploy", app=app, source=str(ROOT / "examples" / "static-site")).ok()
    status, body = get(app)
    assert status == 200
    assert "<html" in body
    assert get(app, "/no-such-page")[0] == 404


def test_env_makes_a_release_and_rollback_takes_it_back(deployed: str, source: Path) -> None:
    playbook("deploy", app=deployed, source=str(source), env={"GREETING": "hi"}).ok()
    assert answer(deployed)["greeting"] == "hi"
    apps.web(source, "two")
    playbook("deploy", app=deployed, source=str(source), env={"GREETING": "ho"}).ok()
    assert (answer(deployed)["version"], answer(deployed)["greeting"]) == ("two", "ho")
    playbook("rollback", app=deployed).ok()
    assert (answer(deployed)["version"], answer(deployed)["greeting"]) == ("one", "hi")
    playbook("rollback", app=deployed, version=1).ok()
    assert (answer(deployed)["version"], answer(deployed)["greeting"]) == ("one", "")


def test_info_tells_releases_instances_and_routes(deployed: str) -> None:
    told = playbook("info", app=deployed).ok()
    for word in (f"{deployed}-web-", f"{deployed}.grille.localhost", "up"):
        assert word in told.out
    assert told.changed == 0
