"""Routes by modules and playbooks, against a real controller and a real router: twice, in check mode, with diffs."""

from __future__ import annotations

import secrets
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.services.modules.rig import Grid, docker
from tests.services.modules.router import Router
from tests.support import apps
from tests.support.grid import Result

Change = tuple[str, bool, dict[str, Any]]


@pytest.fixture(scope="module")
def router(grid: Grid) -> Iterator[Router]:
    """A router that lives as long as these tests."""
    running = Router(grid)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def app(grid: Grid, router: Router, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app that runs; another, its next version, is called the same with ``-next``."""
    name, folder = f"t{secrets.token_hex(4)}", tmp_path_factory.mktemp("apps")
    for one, version in ((name, "one"), (f"{name}-next", "two")):
        grid.play("deploy", app=one, source=str(apps.web(folder / one, version))).ok()
    yield name
    for one in (name, f"{name}-next"):
        grid.play("destroy", app=one).ok()


def steps(grid: Grid, module: str, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Each of ``wanted`` in check mode, for real, for real again and in check mode again; the results of the second.

    Check mode must tell the truth, and what is so already must not be changed.
    """
    tasks: list[Change] = [(module, check, wish) for wish in wanted for check in (True, False, False, True)]
    done = grid.tasks(*tasks)
    for number in range(0, len(done), 4):
        planned, made, again, asked = done[number : number + 4]
        assert [one["changed"] for one in (planned, made, again, asked)] == [True, True, False, False], done[number:]
        assert planned["diff"] == made["diff"]
        assert again["diff"]["before"] == again["diff"]["after"] == asked["diff"]["after"]
    return done[1::4]


def _fails(result: Result, *says: str) -> None:
    assert result.rc != 0, result.out
    assert "Traceback" not in result.out
    for text in says:
        assert text in result.out, result.out


def test_life_of_a_route(grid: Grid, app: str, router: Router) -> None:
    host = f"{app}.example.org"
    plain = {"host": host.upper(), "path": "/", "app": app}
    rich = {
        **plain,
        "sticky": True,
        "headers": {"response": {"X-Frame-Options": "DENY", "X-Level": 7}},
        "limits": {"rate": 2.5},
        "first_byte_timeout": 10,
        "targets": [{"app": f"{app}-next", "weight": 50}],
    }
    made, richer, back, gone = steps(grid, "grille_route", plain, rich, plain, {"host": host, "state": "absent"})
    row = {"id": made["route"]["id"], "app": app, "process": "web"}
    assert made["diff"] == {"before": {}, "after": {f"{host}/": row}}
    assert (made["route"]["status"], made["route"]["url"]) == ({"r1": "applied"}, f"http://{host}/")
    assert richer["diff"]["before"] == {f"{host}/": row}
    assert richer["diff"]["after"][f"{host}/"] == {
        **row,
        "sticky": True,
        "headers": {"response": {"X-Frame-Options": "DENY", "X-Level": "7"}},
        "limits": {"rate": 2.5},
        "timeout": 10.0,
        "targets": [{"service": f"{app}-next-web", "weight": 50}],
    }
    assert back["diff"]["after"] == {f"{host}/": row}
    assert gone["diff"] == {"before": {f"{host}/": row}, "after": {}}
    assert router.get(host)[0] == 404


def test_a_route_leads_to_the_app_once_the_task_is_done(grid: Grid, app: str, router: Router) -> None:
    host = f"{app}.example.net"
    assert grid.play("route", "--check", "--diff", app=app, host=host).ok().changed == 1
    assert router.get(host)[0] == 404
    done = grid.play("route", "--diff", app=app, host=host).ok()
    assert f"http://{host}/" in done.out
    status, text = router.get(host)
    assert (status, '"one"' in text) == (200, True)
    assert grid.play("route", app=app, host=host).ok().changed == 0
    info = grid.task("grille_route_info", app=app, host=host)
    assert [one["address"] for one in info["routes"]] == [f"{host}/"]
    assert list(info["table"]) == [f"{host}/"]
    assert (info["routers"][0]["in_step"], info["tcp"]["first"]) == (True, 20000)
    assert "applied" in info["report"][-1]
    assert f"{host}/" in grid.play("info", app=app).ok().out
    assert grid.play("unroute", host=host).ok().changed == 1
    assert router.get(host)[0] == 404
    assert grid.play("unroute", host=host).ok().changed == 0


def test_ports_and_pass_through(grid: Grid, app: str) -> None:
    tcp, tls = {"kind": "tcp", "app": app, "idle_timeout": 86400}, {"kind": "tls", "host": f"db.{app}.test", "app": app}
    made, _ = steps(grid, "grille_route", tcp, tls)
    port = made["route"]["port"]
    row = {"id": made["route"]["id"], "app": app, "process": "web", "idle_timeout": 86400.0}
    assert made["diff"]["after"] == {f"tcp {port}": row}
    steps(grid, "grille_route", {"kind": "tcp", "port": port, "state": "absent"}, {**tls, "state": "absent"})


def test_fields_that_are_not_given_stay_with_merge(grid: Grid, app: str) -> None:
    at = {"id": app, "app": app}
    whole, part = steps(grid, "grille_route", {**at, "sticky": True, "merge": True}, {**at, "hsts": 60, "merge": True})
    assert whole["route"]["host"] == f"{app}.grille.test"
    assert (part["route"]["sticky"], part["route"]["hsts"]) == (True, 60)
    (reset,) = steps(grid, "grille_route", {**at, "host": f"{app}.grille.test"})
    assert (reset["route"]["sticky"], reset["route"]["hsts"]) == (False, 0)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"host": "bücher.example.org"}, "xn--bcher-kva.example.org"),
    ({"host": "a|b"}, "host name 'a|b' is not valid"),
    ({"host": "a.test", "path": "/a b"}, "path '/a b' is not valid"),
    ({"host": "a.test", "headers": {"request": {"X-A": "b\r\nX: y"}}}, "one line"),
    ({"host": "a.test", "targets": [{"app": "nobody", "weight": 1}]}, "no app has a service 'nobody-web'"),
    ({"kind": "tcp", "port": 1}, "port 1 is not one of the routers'"),
    ({"kind": "tls", "host": "a.test", "sticky": True}, "carries bytes"),
    ({}, "no route is named"),
]


def test_mistakes_are_told_in_one_line(grid: Grid, app: str) -> None:
    tasks: list[Change] = [
        ("grille_route", check, {"app": app, **wrong}) for wrong, _ in WRONG for check in (True, False)
    ]
    expected = [says for _, says in WRONG for _ in range(2)]
    for result, says in zip(grid.tasks(*tasks), expected, strict=True):
        assert says in result.get("msg", ""), result
        assert "\n" not in result["msg"]
        assert result["code"]


def test_check_mode_before_the_app_is_there(grid: Grid) -> None:
    planned = grid.task("grille_route", check=True, app="not-yet", host="not-yet.test")
    assert planned["changed"]
    assert "not-yet.test/" in planned["diff"]["after"]
    routing = grid.task("grille_app_routing", check=True, app="not-yet", maintenance=True)
    assert routing["diff"]["after"] == {"maintenance": True}
    assert grid.task("grille_route", app="not-yet", host="not-yet.test")["code"] == "unknown_app"


def test_maintenance(grid: Grid, app: str, tmp_path: Path) -> None:
    on, pages, _ = steps(
        grid,
        "grille_app_routing",
        {"app": app, "maintenance": True},
        {"app": app, "error_page": "<h1>Oh</h1>\n", "maintenance_page": "<h1>Soon</h1>\n"},
        {"app": app, "maintenance": False, "error_page": "", "maintenance_page": ""},
    )
    assert on["diff"] == {"before": {"maintenance": False}, "after": {"maintenance": True}}
    assert (on["routing"]["status"], pages["routing"]["maintenance"]) == ({"r1": "applied"}, True)
    page = tmp_path / "closed.html"
    page.write_text("<h1>Closed, é</h1>", encoding="utf-8")
    assert grid.play("maintenance", "--check", app=app, on="true", page=str(page)).ok().changed == 1
    assert grid.play("maintenance", app=app, on="true", page=str(page)).ok().changed == 1
    assert grid.get(f"/apps/{app}/routing")["maintenance_page"] == "<h1>Closed, é</h1>"
    assert "in maintenance" in grid.play("info", app=app).ok().out
    assert grid.play("maintenance", app=app, on=True).ok().changed == 0
    assert grid.play("maintenance", app=app, on=False).ok().changed == 1
    page.write_text("x" * 8000, encoding="utf-8")
    _fails(grid.play("maintenance", app=app, on=True, page=str(page)), "maintenance_page has 8000 bytes")


def _shares(grid: Grid, app: str) -> tuple[int, list[int]]:
    route = grid.get(f"/routes/{app}")
    return route["weight"], [one["weight"] for one in route["targets"]]


def test_canary(grid: Grid, app: str) -> None:
    to = f"{app}-next"
    grid.task("grille_route", id=app, app=app, sticky=True, merge=True)
    planned = grid.play("canary", "--check", "--diff", app=app, to=to, weight=10).ok()
    assert planned.changed == 1
    assert f"{to}-web" in planned.out
    assert _shares(grid, app) == (100, [])
    assert grid.play("canary", app=app, to=to, weight="10").ok().changed == 1
    assert _shares(grid, app) == (90, [10])
    assert grid.play("canary", app=app, to=to, weight=10).ok().changed == 0
    _fails(grid.play("destroy", app=to), "take it out of that route's targets first")
    assert grid.play("canary", app=app, to=to, steps=[10, 50, 100], pause=1).ok().changed == 2
    assert _shares(grid, app) == (0, [100])
    assert grid.play("canary", app=app, to=to, steps=[10, 50, 100], pause=1).ok().changed == 0
    assert grid.play("canary", app=app, to=to, weight=0).ok().changed == 1
    assert _shares(grid, app) == (100, [])
    assert grid.get(f"/routes/{app}")["sticky"] is True
    _fails(grid.play("canary", app=app, to="nobody", weight=10), "there is no app 'nobody'")
    _fails(grid.play("canary", app=app, to=to, weight=101), "of 0 to 100")
    _fails(grid.play("canary", app=app, to=to), "weight or steps")


def test_a_canary_that_dies_is_taken_back(grid: Grid, app: str) -> None:
    to, over = f"{app}-next", threading.Event()

    def kill() -> None:
        while not over.wait(0.3):
            if _shares(grid, app) == (90, [10]):
                for name in docker("ps", "-q", "--filter", f"label=grille.app={to}").split():
                    subprocess.run(["docker", "kill", name], capture_output=True, check=False)

    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill)
        try:
            result = grid.play("canary", app=app, to=to, steps=[10, 100], pause=6)
        finally:
            over.set()
        killing.result()
    _fails(result, f"{to} is not well at 10 of 100 requests; all go to {app} again: not up: ")
    assert _shares(grid, app) == (100, [])
    assert grid.get(f"/locks/app-{app}")["holder"] is None


def test_an_app_without_instances_gets_no_share(grid: Grid, app: str) -> None:
    to = f"{app}-next"
    grid.play("scale", app=to, scale={"web": 0}).ok()
    _fails(grid.play("canary", app=app, to=to, weight=10), f"{to} has no instance up")
    assert _shares(grid, app) == (100, [])
    grid.play("scale", app=to, scale={"web": 1}).ok()


@pytest.mark.parametrize("play", ["route", "unroute", "canary", "maintenance"])
def test_missing_variable(grid: Grid, play: str) -> None:
    _fails(grid.play(play), f"{play}.yml needs")
