"""grille_container, grille_network, grille_teardown against Docker: made, again, changed, gone; in check mode too."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import images
from tests.support.modules import run_module as run


def docker(*words: str) -> str:
    """The output of a docker command; empty when it fails."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture(scope="module")
def image() -> str:
    """The run image."""
    return images()["run"]


@pytest.fixture
def name() -> Iterator[str]:
    """A name that nothing else has; what was made under it is removed."""
    unique = f"layer0-{secrets.token_hex(4)}"
    yield unique
    docker("rm", "--force", unique)
    docker("network", "rm", unique)


def test_container(image: str, name: str) -> None:
    wanted: dict[str, Any] = {"name": name, "image": image, "command": ["sleep", "600"], "stop_timeout": 1}
    assert run("grille_container", check=True, **wanted)["actions"] == ["create", "start"]
    assert docker("inspect", name) == "[]"
    assert run("grille_container", **wanted)["changed"]
    assert docker("inspect", "--format", "{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}", name) == "true always"
    assert not run("grille_container", **wanted)["changed"]

    changed = run("grille_container", **wanted, env={"A": "1"})
    assert changed["actions"] == ["remove", "create", "start"]
    assert (changed["diff"]["before"]["env"], changed["diff"]["after"]["env"]) == ({}, {"A": "1"})
    docker("kill", name)
    assert run("grille_container", **wanted, env={"A": "1"})["actions"] == ["start"]

    assert run("grille_container", check=True, name=name, state="absent")["changed"]
    assert run("grille_container", name=name, state="absent")["changed"]
    assert not run("grille_container", name=name, state="absent")["changed"]


def test_container_without_its_image_keeps_the_old_one(image: str, name: str) -> None:
    run("grille_container", name=name, image=image, command=["sleep", "600"])
    failed = run("grille_container", name=name, image="grille/none:none")
    assert failed["failed"]
    assert "run the role stack_image first" in failed["msg"]
    assert docker("inspect", "--format", "{{.State.Running}}", name) == "true"


def test_network(image: str, name: str) -> None:
    wanted: dict[str, Any] = {"name": name, "subnet": "10.213.251.0/28", "gateway": "10.213.251.1", "bridge": name[:15]}
    assert run("grille_network", check=True, **wanted)["changed"]
    assert run("grille_network", **wanted)["changed"]
    assert not run("grille_network", **wanted)["changed"]

    moved = {**wanted, "subnet": "10.213.251.16/28", "gateway": "10.213.251.17"}
    docker("run", "--detach", "--name", name, "--network", name, image, "sleep", "600")
    refused = run("grille_network", **moved)
    assert refused["failed"]
    assert f"{name} use it" in refused["msg"]
    docker("rm", "--force", name)
    assert run("grille_network", **moved)["changed"]
    assert docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", name) == "10.213.251.17"

    assert run("grille_network", name=name, state="absent")["changed"]
    assert not run("grille_network", name=name, state="absent")["changed"]


def test_teardown_where_there_is_no_docker(tmp_path: Path) -> None:
    data, config = tmp_path / "data", tmp_path / "config"
    (data / "agent").mkdir(parents=True)
    (data / "agent" / "lease.json").write_text("{}")
    config.mkdir()
    arguments = {"data": str(data), "config": str(config), "docker_socket": str(tmp_path / "none.sock")}
    assert not run("grille_teardown", **arguments)["changed"]
    assert run("grille_teardown", check=True, purge=True, **arguments)["removed"] == [f"folder {data}"]
    assert run("grille_teardown", purge=True, **arguments)["changed"]
    assert not data.exists()
    assert not run("grille_teardown", purge=True, **arguments)["changed"]
