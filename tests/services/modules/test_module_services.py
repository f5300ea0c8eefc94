"""The modules and playbooks for what is outside the grid, against real daemons and a container that nobody runs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.services.modules.rig import Grid, docker
from tests.support.images import images
from tests.support.ports import free_port

CHECK = {"interval": 1, "threshold": 2}


class Database:
    """A container of its own, not one of the grid's, that listens on a port of this machine."""

    def __init__(self) -> None:
        self.name, self.port = f"t-outside-{secrets.token_hex(3)}", free_port()
        words = [
            "python3",
            "-m",
            "http.server",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--directory",
            "/etc/alternatives",
        ]
        docker("run", "--detach", "--network", "host", "--name", self.name, images()["system"], *words)

    def stop(self) -> None:
        """End it, as a crash would; ``start`` brings it back."""
        docker("kill", self.name)

    def start(self) -> None:
        """Start it again, at the same port."""
        docker("start", self.name)

    def remove(self) -> None:
        """Leave nothing of it."""
        docker("rm", "--force", "--volumes", self.name)


@pytest.fixture
def database() -> Iterator[Database]:
    """One that runs."""
    container = Database()
    yield container
    container.remove()


@pytest.fixture
def service() -> str:
    """A name that nobody else has."""
    return f"db{secrets.token_hex(3)}"


def found(grid: Grid, service: str) -> list[str]:
    """The ids of the instances that discoverd finds."""
    return [each["id"] for each in grid.discoverd.call("GET", f"/services/{service}/instances").json["instances"]]


def twice(grid: Grid, module: str, **options: Any) -> dict[str, Any]:
    """The task in check mode, for real, and again: check mode tells the truth, and the second time nothing changes."""
    planned, done, again = grid.tasks((module, True, options), (module, False, options), (module, False, options))
    assert [planned["changed"], done["changed"], again["changed"]] == [True, True, False], (planned, done, again)
    assert planned["diff"] == done["diff"]
    return done


def test_a_database_is_registered_by_a_playbook(grid: Grid, database: Database, service: str) -> None:
    where = {"service": service, "id": "main", "address": "127.0.0.1", "port": str(database.port), "check": CHECK}
    planned = grid.play("register", "--check", "--diff", **where).ok()
    assert planned.changed == 1
    assert found(grid, service) == []
    assert grid.play("register", **where).ok().changed == 1
    assert found(grid, service) == ["main"], "the playbook waits until it is found"
    assert grid.play("register", **where).ok().changed == 0
    database.stop()
    begun = time.monotonic()
    while found(grid, service):
        assert time.monotonic() - begun < CHECK["interval"] * CHECK["threshold"]
        time.sleep(0.02)
    database.start()
    assert grid.play("register", **where).ok().changed == 0, "the record is compared, not the health"
    assert found(grid, service) == ["main"]
    assert grid.play("deregister", "--check", service=service, id="main").ok().changed == 1
    assert grid.play("deregister", service=service, id="main").ok().changed == 1
    assert found(grid, service) == []
    assert grid.play("deregister", service=service, id="main").ok().changed == 0


def test_a_check_is_made_changed_and_removed(grid: Grid, database: Database, service: str) -> None:
    one: dict[str, Any] = {"service": service, "id": "main"}
    at: dict[str, Any] = {"address": "127.0.0.1", "port": database.port}
    made = twice(grid, "grille_service", **one, **at, check=CHECK)
    assert made["passing"] is True
    assert made["diff"]["after"]["check"] == {"type": "tcp", "path": "/", "timeout": 2.0, **CHECK}
    changed = twice(grid, "grille_service", **one, **at, check={**CHECK, "type": "http"}, metadata={"role": "primary"})
    assert changed["diff"]["before"]["check"]["type"] == "tcp"
    plain = twice(grid, "grille_service", **one, **at, ttl=60)
    assert ("check" in plain["diff"]["before"], "check" in plain["diff"]["after"]) == (True, False)
    assert found(grid, service) == ["main"]
    twice(grid, "grille_service", **one, **at, check={})
    twice(grid, "grille_service", **one, state="absent")
    assert found(grid, service) == []


def test_waiting_tells_why_the_check_fails(grid: Grid, service: str) -> None:
    one: dict[str, Any] = {"service": service, "id": "main", "address": "127.0.0.1", "port": 1, "check": CHECK}
    failed, unwaited = grid.tasks(
        ("grille_service", False, {**one, "wait_timeout": 2}), ("grille_service", False, {**one, "wait": False})
    )
    assert (failed["code"], "\n" in failed["msg"]) == ("check_fails", False)
    assert "did not pass within 2 s: connection refused" in failed["msg"]
    assert (unwaited["changed"], "passing" in unwaited) == (False, False)
    told = grid.task("grille_service_info", service=service)
    assert [(each["passing"], each["reason"]) for each in told["outside"]] == [(False, "connection refused")]
    wrong = grid.tasks(("grille_service", False, {**one, "check": {"interval": 0.1}}))[0]
    assert "check.interval 0.1 is not valid (use 0.5 to 3600 seconds)" in wrong["msg"]
    grid.task("grille_service", service=service, id="main", state="absent")


def test_what_is_found(grid: Grid, database: Database, service: str) -> None:
    at: dict[str, Any] = {"service": service, "address": "127.0.0.1", "port": database.port}
    told = grid.tasks(
        ("grille_service", False, {**at, "id": "one", "check": CHECK, "metadata": {"role": "primary"}}),
        ("grille_service", False, {**at, "id": "two", "protocol": "http", "metadata": {"role": "replica"}}),
        ("grille_service_info", False, {"service": service}),
        ("grille_service_info", True, {"service": service, "metadata": {"role": "replica"}}),
        ("grille_service_info", False, {"service": service, "protocol": "tcp"}),
        ("grille_service_info", False, {"service": f"{service}-none"}),
        ("grille_service_info", False, {}),
    )[2:]
    ids = [[each["id"] for each in answer["instances"]] for answer in told[:4]]
    assert ids == [["one", "two"], ["two"], ["one"], []]
    whole, *_, none, everything = told
    assert (whole["leader"]["id"], none["leader"], none["outside"]) == ("one", {}, [])
    assert whole["settings"]["leader"]["mode"] == "oldest"
    assert (whole["changed"], whole["stale"], whole["revision"] > 0) == (False, False, True)
    assert [(each["outside"]["instance"]["id"], each["passing"]) for each in whole["outside"]] == [("one", True)]
    assert {"name": service, "instances": 2, "leader": "one"} in everything["services"]
    for ident in ("one", "two"):
        grid.task("grille_service", service=service, id=ident, state="absent")
