"""The lookups against discoverd and a controller: addresses of a service, values of the configuration."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.services.modules.rig import Grid
from tests.support.grid import Result


def play(grid: Grid, expression: str, **extra: object) -> Result:
    """A play that keeps the value of ``expression`` in a file."""
    copy = {"content": "{{ " + expression + " | to_json }}", "dest": f"{grid.folder}/value.json", "mode": "0600"}
    task = {"name": "Look it up", "ansible.builtin.copy": copy, "diff": False}
    book = grid.folder / "lookup.yml"
    book.write_text(json.dumps([{"hosts": "controller", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    return grid.play(str(book), **extra)


def value(grid: Grid, expression: str) -> Any:
    """What ``expression`` gives."""
    play(grid, expression).ok()
    return json.loads((grid.folder / "value.json").read_text(encoding="utf-8"))


def fails(grid: Grid, expression: str, says: str) -> None:
    """``expression`` fails in one line."""
    done = play(grid, expression)
    assert done.rc != 0, done.out
    assert says in done.out
    assert "Traceback" not in done.out


@pytest.fixture
def service(grid: Grid) -> str:
    """A service with two instances."""
    name = f"db{secrets.token_hex(3)}"
    for ident, address, zone in (("one", "192.0.2.20", "a"), ("two", "192.0.2.21", "b")):
        body = {"address": address, "port": 5432, "protocol": "tcp", "metadata": {"zone": zone}, "ttl": 600}
        answer = grid.discoverd.call("PUT", f"/services/{name}/instances/{ident}", json.dumps(body).encode())
        assert answer.status == 201, answer.body
    return name


def test_where_a_service_is(grid: Grid, service: str) -> None:
    ask = f"query('grille_service', '{service}'"
    everything = ", ".join(
        [
            f"{ask})",
            f"{ask}, leader=true)",
            f"{ask}, metadata={{'zone': 'b'}}, format='url')",
            f"{ask}, protocol='http')",
            f"query('grille.grille.grille_service', '{service}', format='dict')",
            "query('grille_service', 'nosuch')",
            "query('grille_service', 'nosuch', leader=true)",
            f"lookup('grille_service', '{service}')",
        ]
    )
    found, leads, other, none, dicts, missing, no_leader, text = value(grid, f"[{everything}]")
    assert found == ["192.0.2.20:5432", "192.0.2.21:5432"]
    assert (leads, other, none) == (["192.0.2.20:5432"], ["tcp://192.0.2.21:5432"], [])
    assert [(one["id"], one["metadata"]) for one in dicts] == [("one", {"zone": "a"}), ("two", {"zone": "b"})]
    assert (missing, no_leader) == ([], [])
    assert text == "192.0.2.20:5432,192.0.2.21:5432"


def test_mistakes_about_services_are_one_line(grid: Grid, service: str) -> None:
    fails(grid, "query('grille_service', 'Not_a_label')", "service 'Not_a_label' is not valid")
    fails(grid, f"query('grille_service', '{service}', token='wrong')", "not one of this grid's")
    dead = "discoverd_url='http://127.0.0.1:9'"
    fails(grid, f"query('grille_service', 'x', {dead})", "the discoverd at http://127.0.0.1:9 does not answer")


@pytest.fixture
def app(grid: Grid) -> Iterator[str]:
    """An app with configuration of its own over a shared set."""
    name = f"t{secrets.token_hex(4)}"

    def put(scope: str, **body: object) -> None:
        answer = grid.controller.call("PUT", f"/config/{scope}", json.dumps(body).encode())
        assert answer.status in (200, 201), answer.body

    put(f"shared/{name}", values={"BOTH": "of the set", "SET": "s"}, secrets={"PASSWORD": "hunter2"})
    put(f"apps/{name}", values={"BOTH": "own"}, live={"LEVEL": "9"}, shared=[name])
    yield name
    grid.controller.call("DELETE", f"/config/apps/{name}")
    grid.controller.call("DELETE", f"/config/shared/{name}")


def test_a_value_of_the_configuration(grid: Grid, app: str) -> None:
    ask = f"query('grille_config', 'BOTH', 'SET', 'LEVEL', 'PASSWORD', 'NONE', app='{app}', default='usual')"
    shared = f"lookup('grille.grille.grille_config', 'BOTH', shared='{app}')"
    of_app, of_set = value(grid, f"[{ask}, {shared}]")
    assert of_app == ["own", "s", "9", "hunter2", "usual"]
    assert of_set == "of the set"


def test_mistakes_about_configuration_are_one_line(grid: Grid, app: str) -> None:
    fails(grid, f"lookup('grille_config', 'NONE', app='{app}')", f"NONE is not set in the configuration apps/{app}")
    fails(grid, "lookup('grille_config', 'X')", "give either app or shared")
    fails(grid, f"lookup('grille_config', 'X', app='{app}', token='wrong')", "not one of this grid's")
    fails(grid, f"lookup('grille_config', 'BOTH', app='{app}', token='read-token')", "use a deploy token")
