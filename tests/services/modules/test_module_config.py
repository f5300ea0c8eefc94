"""Configuration by modules and playbooks, against real daemons: four steps, check mode, secrets hidden, rotation."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from grille.service.sealing import Keyring, key_of
from grille.store.blocking import BlockingStore
from tests.services.modules.rig import Grid, docker

SECRET = "hunter2-and-more"


def _twice(grid: Grid, **options: Any) -> dict[str, Any]:
    """The change in check mode, for real, and again."""
    wanted = [("grille_config", check, options) for check in (True, False, False)]
    planned, done, again = grid.tasks(*wanted)
    assert [planned["changed"], done["changed"], again["changed"]] == [True, True, False], (planned, done, again)
    assert planned["diff"] == done["diff"]
    assert SECRET not in json.dumps([planned, done, again])
    return done


def _environment(app: str) -> dict[str, str]:
    """What the app's one container was given."""
    (job,) = docker("ps", "--format", "{{.Names}}", "--filter", f"label=grille.app={app}").split()
    pairs = json.loads(docker("inspect", "--format", "{{json .Config.Env}}", job))
    return dict(pair.split("=", 1) for pair in pairs)


def _name(kind: str) -> str:
    return f"{kind}{secrets.token_hex(3)}"


def test_a_set_is_made_changed_and_removed(grid: Grid) -> None:
    name = _name("db")
    _twice(grid, shared=name, values={"HOST": "db1"}, secrets={"PASSWORD": SECRET})
    done = _twice(grid, shared=name, values={"HOST": "db2", "POOL": 5}, secrets={"PASSWORD": f"{SECRET}!"})
    assert done["diff"] == {
        "before": {"values": {"HOST": "(set)"}, "secrets": {"PASSWORD": "(set)"}},
        "after": {
            "values": {"HOST": "(another value)", "POOL": "(set)"},
            "secrets": {"PASSWORD": "(another value)"},
        },
    }
    done = _twice(grid, shared=name, values={"POOL": 5}, purge=True)
    assert (done["config"]["values"], done["config"]["secrets"]) == ({"POOL": "5"}, {})
    (info,) = grid.tasks(("grille_config_info", False, {"shared": name, "history": True}))
    assert [one["version"] for one in info["configs"]] == [3, 2, 1]
    _twice(grid, shared=name, state="absent")
    assert grid.task("grille_config_info", shared=name)["configs"] == []


def test_an_app_runs_with_what_is_set_and_wrong_wishes_are_one_line(grid: Grid, source: Path) -> None:
    app, shared = _name("t"), _name("set")
    grid.task("grille_config", shared=shared, secrets={"DSN": SECRET})
    first = grid.task("grille_config", app=app, values={"GREETING": "hello"}, sets=[shared])
    assert "does not exist yet" in first["warnings"][0]
    deploy: dict[str, Any] = {"app": app, "source": str(source), "secrets": {"KEY": SECRET}}
    planned, done, again, check = grid.tasks(*(("grille_deploy", mode, deploy) for mode in (True, False, False, True)))
    assert [one["changed"] for one in (planned, done, again, check)] == [True, True, False, False], (done, again)
    assert SECRET not in json.dumps([planned, done, again])
    found = _environment(app)
    assert (found["GREETING"], found["DSN"], found["KEY"]) == ("hello", SECRET, SECRET)
    url = found["GRILLE_CONFIG_URL"]
    assert f"/configuration/apps/{app}?" in url
    other = {**deploy, "secrets": {"KEY": f"{SECRET}2"}}
    planned, done = grid.tasks(("grille_deploy", True, other), ("grille_deploy", False, other))
    assert planned["diff"] == done["diff"]
    assert done["diff"] == {"before": {"secrets": {"KEY": "(set)"}}, "after": {"secrets": {"KEY": "(another value)"}}}
    play = grid.play("config", "--diff", app=app, values={"GREETING": "bye"}, secrets={"KEY": SECRET}, lock=False)
    play.ok()
    assert SECRET not in play.out
    assert f"apps/{app} is at version" in play.out
    found = _environment(app)
    assert (found["GREETING"], found["KEY"]) == ("bye", SECRET)
    refused = grid.task("grille_config", shared=shared, state="absent")
    assert (refused["code"], app in refused["msg"]) == ("config_in_use", True)
    wrong = grid.task("grille_config", app=app, values={"PORT": "1"})
    assert wrong["msg"] == "environment variable PORT is set by Grille (remove PORT from env)"
    grid.task("grille_app", name=app, state="absent")


def test_a_change_that_does_not_come_up_fails_and_is_undone(grid: Grid, source: Path) -> None:
    app = _name("t")
    settings = {"web": {"boot_timeout": 3}}
    grid.task("grille_deploy", app=app, source=str(source), settings=settings, env={"GREETING": "hello"})
    shared = _name("set")
    failed = grid.task("grille_config", app=app, values={"PYTHONHOME": "/nowhere"})
    assert failed.get("code") == "crashed", failed
    assert failed["msg"].startswith(f"{app}: web: ")
    found = grid.task("grille_config_info", app=app)["configs"][0]
    assert found["values"] == {"GREETING": "hello"}
    assert _environment(app)["GREETING"] == "hello"
    assert grid.task("grille_config", shared=shared, live={"A": 1})["changed"]
    grid.task("grille_app", name=app, state="absent")


def _everything(grid: Grid) -> bytes:
    """All values that the controller and the agent keep in the store."""
    store = BlockingStore([grid.etcd.url])
    prefixes = ("apps/", "config/", "formations/", "jobs/", "queue/", "releases/", "rollouts/")
    return b"".join(entry.value for prefix in prefixes for entry in store.list(prefix).entries.values())


def test_keys_rotate_by_playbook_while_apps_run_on(grid: Grid, source: Path) -> None:
    app, path = _name("t"), grid.folder / "config.keys"
    made = grid.task("grille_deploy", app=app, source=str(source), secrets={"KEY": SECRET})
    assert made["changed"], made
    jobs = docker("ps", "-q", "--filter", f"label=grille.app={app}")
    assert SECRET.encode() not in _everything(grid)
    before = path.read_text().strip()
    extra: dict[str, Any] = {"host_config_keys_file": str(path), "host_config_source": grid.name}
    environ = {"token_file": str(grid.folder / "tokens/admin")}
    (grid.folder / "rotate.yml").write_text(_admin(Path("playbooks/rotate_config_key.yml"), environ["token_file"]))
    grid.play("rotate_config_key", "--check", **extra)
    assert path.read_text().strip() == before
    path.write_text(f"{before}\n{_cut_short(before)}\n")  # as a run leaves it that failed after its first step
    play = grid.play(str(grid.folder / "rotate.yml"), **extra).ok()
    assert before.partition(":")[2] not in play.out
    (left,) = path.read_text().splitlines()
    assert left.partition(":")[0] == "k" + "1" * 19 + "2"
    grid.play(str(grid.folder / "rotate.yml"), **extra).ok()
    (newest,) = path.read_text().splitlines()
    assert newest not in (before, left)
    store, keyring = BlockingStore([grid.etcd.url]), Keyring(str(path))
    tokens = {
        token
        for prefix in ("config/", "releases/", "jobs/", "queue/")
        for entry in store.list(prefix).entries.values()
        for token in _tokens(entry.value)
    }
    assert tokens
    assert {key_of(token) for token in tokens} == set(keyring.ids)
    revealed = grid.task("grille_config_info", app=app, reveal=True)["configs"][0]
    assert revealed["secrets"] == {"KEY": SECRET}
    assert not grid.task("grille_config", app=app, secrets={"KEY": SECRET})["changed"]
    assert docker("ps", "-q", "--filter", f"label=grille.app={app}") == jobs
    grid.task("grille_app", name=app, state="absent")


def _cut_short(before: str) -> str:
    return f"k{'1' * 19}2:{before.partition(':')[2][::-1].lstrip('=')}="


def _admin(book: Path, token_file: str) -> str:
    """The playbook with the path of this grid's admin token; its role is found by the collection's name."""
    module = "grille_config_rotate:"
    text = book.read_text(encoding="utf-8").replace(module, f"{module}\n        token_file: {token_file}")
    return text.replace("name: host_config\n", "name: grille.grille.host_config\n")


def _tokens(value: bytes) -> list[str]:
    found = json.loads(value)
    if not isinstance(found, dict):
        return []
    secrets_of = found.get("secrets") or found.get("payload", {}).get("secrets") or {}
    return list(secrets_of.values())
