"""Users' mistakes: one clear line with the remedy, a non-zero exit, the former release serving, nothing left."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.support.grid import Result, answer, command, control, docker, get, playbook, until

SERVES_NOT = "web: sleep 600\n"
BAD_SOURCES: dict[str, tuple[dict[str, str], str]] = {
    "no Procfile": ({"Procfile": None, "server.py": "print()"}, "Procfile"),  # type: ignore[dict-item]
    "no buildpack": ({"Procfile": None, "requirements.txt": None, "notes": "x"}, "buildpack"),  # type: ignore[dict-item]
    "bad Procfile line": ({"Procfile": "web: python3 server.py\nthis is no process\n"}, "line 2"),
    "compile fails": ({"requirements.txt": "no-such-package-on-any-index==99.99\n"}, "compile"),
    "exits at once": ({"Procfile": "web: echo good-bye; exit 3\n"}, "exit"),
}


def _clear(result: Result, says: str) -> None:
    assert result.rc != 0, result.out
    assert "Traceback" not in result.out
    assert says.lower() in result.out.lower(), result.out[-3000:]
    fatal = [line for line in result.out.splitlines() if "[ERROR]" in line or "fatal:" in line or "msg:" in line]
    assert fatal, result.out[-3000:]


def _spoil(source: Path, files: dict[str, str | None]) -> None:
    for name, text in files.items():
        if text is None:
            (source / name).unlink(missing_ok=True)
        else:
            (source / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("case", BAD_SOURCES)
def test_bad_source_leaves_the_former_release(lasting: str, source: Path, case: str) -> None:
    files, says = BAD_SOURCES[case]
    _spoil(source, files)
    _clear(playbook("deploy", app=lasting, source=str(source)), says)
    assert answer(lasting)["version"] == "one"
    assert [release["version"] for release in control("GET", f"/apps/{lasting}/releases")] == [1]


def test_never_binds_its_port(lasting: str, source: Path) -> None:
    (source / "Procfile").write_text(SERVES_NOT, encoding="utf-8")
    settings = {"web": {"boot_timeout": 5}}
    _clear(playbook("deploy", app=lasting, source=str(source), settings=settings), "port")
    assert answer(lasting)["version"] == "one"


def test_first_deploy_that_fails_leaves_nothing(app: str, source: Path) -> None:
    (source / "Procfile").write_text("web: exit 1\n", encoding="utf-8")
    _clear(playbook("deploy", app=app, source=str(source)), "exit")
    assert get(app)[0] == 404
    assert app not in [known["name"] for known in control("GET", "/apps")]
    left = ["ps", "-a", "--format", "{{.Names}}", "--filter", f"label=grille.app={app}"]
    until("no container is left", lambda: docker(*left) == "", 15)


@pytest.mark.parametrize("play", ["scale", "run", "rollback", "info"])
def test_unknown_app(grid: None, play: str) -> None:
    name = f"t{secrets.token_hex(4)}"
    _clear(playbook(play, app=name, scale={"web": 2}, command="true"), name)


@pytest.mark.parametrize("name", ["Under_score", "-dash", "a" * 64, "dot.dot", ""])
def test_app_name_that_is_no_dns_label(grid: None, source: Path, name: str) -> None:
    _clear(playbook("deploy", app=name, source=str(source)), "app")


def test_wrong_and_missing_token(grid: None, source: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("not-a-token-of-this-grid\n", encoding="utf-8")
    words = ["ansible-playbook", "playbooks/deploy.yml", "-e", f"app=t1 source={source}"]
    _clear(command(*words, env={"GRILLE_TOKEN_FILE": str(wrong)}), "token")
    _clear(command(*words, env={"GRILLE_TOKEN_FILE": str(tmp_path / "none")}), "token")


def test_source_folder_that_does_not_exist(grid: None, tmp_path: Path) -> None:
    _clear(playbook("deploy", app="t1", source=str(tmp_path / "nowhere")), "nowhere")


def _shelf_restarted() -> None:
    """Kill shelf and wait for its return: a restarted container sees what is mounted now."""
    docker("kill", "grille-shelf")
    until("shelf answers", lambda: command("curl", "-sf", "http://10.213.0.1:7413/healthz").rc == 0, 30)


def test_full_disk_in_shelf(deployed: str, source: Path) -> None:
    folder = "/var/lib/grille/shelf"
    command("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder).ok()
    try:
        _shelf_restarted()
        (source / "noise").write_bytes(secrets.token_bytes(1_000_000))
        _clear(playbook("deploy", app=deployed, source=str(source)), "free space")
        assert answer(deployed)["version"] == "one"
    finally:
        command("umount", folder).ok()
        _shelf_restarted()
    playbook("deploy", app=deployed, source=str(source)).ok()


@pytest.mark.parametrize("scale", [{"web": -1}, {"web": "many"}, {"nosuchtype": 1}])
def test_bad_scale(lasting: str, scale: dict[str, object]) -> None:
    _clear(playbook("scale", app=lasting, scale=scale), "web" if "web" in scale else "nosuchtype")
    assert answer(lasting)["version"] == "one"


def test_missing_variable(grid: None) -> None:
    _clear(playbook("deploy"), "app")


def test_a_brick_is_not_scaled_to_zero(grid: None) -> None:
    _clear(playbook("scale", app="shelf", scale={"shelf": 0}), "shelf")
    _clear(playbook("destroy", app="controller"), "controller")
