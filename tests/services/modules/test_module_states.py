"""The modules against real daemons, in four steps: create, again, change, absent twice; each in check mode too."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from tests.services.modules.rig import Grid, docker
from tests.support.images import images


def _twice(grid: Grid, module: str, **options: Any) -> dict[str, Any]:
    """The task in check mode, for real, and again: check mode tells the truth, and the second time nothing changes."""
    planned, done, again = grid.tasks((module, True, options), (module, False, options), (module, False, options))
    assert [planned["changed"], done["changed"], again["changed"]] == [True, True, False], (planned, done, again)
    assert planned["diff"] == done["diff"]
    return done


def test_app_is_made_and_destroyed(grid: Grid) -> None:
    name = f"t{secrets.token_hex(4)}"
    _twice(grid, "grille_app", name=name)
    assert grid.get(f"/apps/{name}")["app"]["name"] == name
    _twice(grid, "grille_app", name=name, state="absent")
    assert grid.get(f"/apps/{name}") == {"status": 404}
    wrong = grid.task("grille.grille.grille_app", name="Not_a_name")
    assert "DNS label" in wrong["msg"]
    assert wrong["code"] == "invalid_app_name"


def test_object_goes_there_and_back(grid: Grid, tmp_path: Path) -> None:
    src, dest = tmp_path / "src", tmp_path / "dest"
    src.write_bytes(secrets.token_bytes(300_000))
    path = f"assets/{secrets.token_hex(4)}"
    login: dict[str, Any] = {"token": "deploy-token", "path": path}
    _twice(grid, "grille_object", **login, src=str(src))
    _twice(grid, "grille_object", **login, dest=str(dest))
    assert dest.read_bytes() == src.read_bytes()
    src.write_bytes(b"another")
    _twice(grid, "grille_object", **login, src=str(src))
    _twice(grid, "grille_object", **login, state="absent")
    assert "there is no object" in grid.task("grille_object", **login, dest=str(dest))["msg"]


def test_service_is_registered_changed_and_removed(grid: Grid) -> None:
    one: dict[str, Any] = {"service": f"db{secrets.token_hex(3)}", "id": "main"}
    _twice(grid, "grille_service", **one, address="192.0.2.20", port=5432)
    _twice(grid, "grille_service", **one, address="192.0.2.21", port=5432, metadata={"role": "primary"})
    found = grid.discoverd.call("GET", f"/services/{one['service']}/instances").json["instances"]
    assert [(each["address"], each["metadata"]) for each in found] == [("192.0.2.21", {"role": "primary"})]
    _twice(grid, "grille_service", **one, state="absent")


def test_job_runs_changes_and_stops(grid: Grid) -> None:
    name = f"t{secrets.token_hex(4)}"
    spec: dict[str, Any] = {"app": name, "process": "web", "release": 1, "kind": "service", "image": images()["system"]}
    spec |= {"command": ["sleep", "600"], "health": {"type": "none"}, "stop_grace": 0.5, "critical": True}
    job = {"id": f"{name}-web", "token": "admin-token"}
    _twice(grid, "grille_job", **job, spec=spec)
    changed = _twice(grid, "grille_job", **job, spec={**spec, "env": {"SECRET": "hunter2"}})
    assert "hunter2" not in str(changed["diff"])
    assert "SECRET=hunter2" in docker("inspect", "-f", "{{.Config.Env}}", job["id"])
    assert "is not removed by accident" in grid.task("grille_job", **job, state="absent")["msg"]
    _twice(grid, "grille_job", **job, state="absent", force=True)
    assert docker("ps", "-aq", "--filter", f"name={job['id']}") == ""
    wrong = grid.task("grille_job", **job, spec={**spec, "imagge": "x"})
    assert "unknown field 'imagge'" in wrong["msg"]


def test_errors_are_one_line_with_a_remedy(grid: Grid) -> None:
    wishes = ({"controller_url": "http://127.0.0.1:9"}, {"token": "wrong"}, {"token_file": "/nonexistent"})
    wrong, *refused = grid.tasks(*(("grille_info", False, dict(wish)) for wish in wishes))
    assert wrong["msg"].startswith("the controller at http://127.0.0.1:9 does not answer")
    assert (wrong["code"], "\n" in wrong["msg"]) == ("unavailable", False)
    assert "not one of this grid's" in refused[0]["msg"]
    assert "cannot be read" in refused[1]["msg"]
