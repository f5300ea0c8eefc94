"""Locks through Ansible: the module's states, whom it waits for, and the playbooks that hold an app's lock."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.modules.rig import Grid
from tests.support.grid import ROOT


@pytest.fixture
def name() -> str:
    """The name of a lock or an app that nobody has."""
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def app(grid: Grid, name: str) -> Iterator[str]:
    """The name of an app that nobody has, destroyed after the test."""
    yield name
    grid.play("destroy", app=name).ok()


def holder(grid: Grid, name: str) -> dict[str, Any]:
    """Who holds a lock; empty: nobody."""
    return grid.get(f"/locks/{name}")["holder"] or {}


class Started:
    """A playbook in a process of its own; every line that it shows is timed."""

    def __init__(self, grid: Grid, play: str, *extra: str) -> None:
        words = ["ansible-playbook", "-i", str(grid.folder / "inventory.ini"), f"playbooks/{play}.yml"]
        words += [word for one in extra for word in ("-e", one)]
        self.process = subprocess.Popen(
            words, cwd=ROOT, env=grid.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def until(self, says: str) -> str:
        """What it shows up to the line with ``says`` in it."""
        assert self.process.stdout is not None
        out = ""
        for line in self.process.stdout:
            out += line
            if says in line:
                return out
        raise AssertionError(f"{says!r} was not shown: {out}")

    def end(self) -> str:
        """What else it shows, when it has succeeded."""
        out, _ = self.process.communicate(timeout=200)
        assert self.process.returncode == 0, out
        return out


def test_a_lock_is_taken_kept_and_released(grid: Grid, name: str) -> None:
    lock: dict[str, Any] = {"name": name, "id": secrets.token_hex(8), "owner": "alice@there", "reason": "a test"}
    ending = {**lock, "state": "absent"}
    steps = [("grille_lock", True, lock), ("grille_lock", False, lock), ("grille_lock", False, {**lock, "ttl": 60})]
    steps += [("grille_lock", check, {**lock, "id": secrets.token_hex(8)}) for check in (True, False)]
    steps += [("grille_lock", check, ending) for check in (True, False, False)]
    planned, taken, again, *refused, end_planned, ended, gone = grid.tasks(*steps)
    assert [one["changed"] for one in (planned, taken, again)] == [True, True, False]
    assert planned["diff"] == taken["diff"] == {"before": {"holder": None}, "after": {"holder": "alice@there"}}
    for one in refused:
        assert one["code"] == "lock_held"
        assert one["msg"].startswith(f"lock {name} is held by alice@there (a test) since ")
        assert f"playbooks/unlock.yml -e lock_name={name}" in one["msg"]
        assert "\n" not in one["msg"]
    assert [one["changed"] for one in (end_planned, ended, gone)] == [True, True, False]
    assert end_planned["diff"] == ended["diff"]


def test_owner_and_id_are_made_and_mistakes_are_one_line(grid: Grid, name: str) -> None:
    taken = grid.task("grille_lock", name=name)
    assert taken["held"]
    seen = holder(grid, name)
    assert "@" in seen["owner"]
    assert taken["id"] not in str(seen)
    assert grid.task("grille_lock", name=name, id=taken["id"], state="absent")["changed"]
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": "Not_a_label"}, "lock 'Not_a_label' is not valid"),
        ({"app": "Not_an_app"}, "app name 'Not_an_app' is not valid"),
        ({"name": name, "ttl": 1}, "use 10 to 86400 seconds"),
        ({"name": name, "wait_timeout": "long"}, "wait_timeout"),
        ({"name": name, "state": "absent"}, "id is missing"),
        ({}, "one of the following is required: name, app"),
    ]
    results = grid.tasks(*(("grille_lock", False, options) for options, _ in wrong))
    for (_, says), result in zip(wrong, results, strict=True):
        assert says in result["msg"], result
        assert "\n" not in result["msg"]


def test_one_that_waited_in_vain_leaves_the_queue(grid: Grid, name: str) -> None:
    taken = grid.task("grille_lock", name=name)
    started = time.monotonic()
    refused = grid.task("grille_lock", name=name, wait_timeout=3)
    assert time.monotonic() - started > 3
    assert refused["code"] == "lock_held"
    assert "still after 3 s" in refused["msg"]
    assert grid.get(f"/locks/{name}")["queue"] == []
    grid.task("grille_lock", name=name, id=taken["id"], state="absent")


def test_two_deploys_of_one_app_go_one_after_the_other(grid: Grid, app: str, source: Path) -> None:
    first = Started(grid, "deploy", f"app={app}", f"source={source}", '{"env": {"WHO": "first"}}')
    first.until("packed ")  # it has the lock
    seen = holder(grid, f"app-{app}")
    assert seen["reason"] == "deploy.yml"
    second = Started(grid, "deploy", f"app={app}", f"source={source}", '{"env": {"WHO": "second"}}')
    second.until(f"waiting for lock app-{app}: held by {seen['owner']} (deploy.yml) since ")
    assert f"{app} is release 1" in first.end()
    assert f"{app} is release 2" in second.end()
    assert grid.get(f"/apps/{app}")["release"]["env"]["WHO"] == "second"
    assert holder(grid, f"app-{app}") == {}


def test_playbooks_leave_no_lock_and_say_who_holds_it(grid: Grid, app: str) -> None:
    failed = grid.play("scale", app=app, scale={"web": 2})
    assert failed.rc != 0
    assert f"there is no app '{app}'" in failed.out
    assert holder(grid, f"app-{app}") == {}

    grid.task("grille_lock", app=app, owner="job 7", reason="a long one", ttl=600)
    refused = grid.play("destroy", app=app, lock_timeout=0)
    assert refused.rc != 0
    assert f"lock app-{app} is held by job 7 (a long one) since " in refused.out
    assert f"playbooks/unlock.yml -e app={app}" in refused.out
    grid.play("destroy", "--check", app=app).ok()
    assert grid.play("destroy", app=app, lock=False).ok().changed == 0

    assert grid.play("unlock", "--check", app=app).ok().changed == 1
    broken = grid.play("unlock", app=app).ok()
    assert "is broken; it was held by job 7 (a long one)" in broken.out
    assert grid.play("unlock", app=app).ok().changed == 0
    assert grid.play("destroy", app=app, lock_timeout=0).ok().changed == 0
    assert '"lock broken"' in grid.controller.log


def test_a_lock_is_waited_for_while_the_controller_restarts(grid: Grid, name: str) -> None:
    taken = grid.task("grille_lock", app=name)
    waiting = Started(grid, "destroy", f"app={name}")
    waiting.until("waiting for lock")
    grid.controller.kill()
    grid.controller.start()
    assert grid.task("grille_lock", app=name, id=taken["id"], state="absent")["changed"]
    waiting.end()
    assert holder(grid, f"app-{name}") == {}
