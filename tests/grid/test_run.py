"""One-off commands."""

from __future__ import annotations

from tests.support.grid import playbook


def test_output_and_exit_code_come_back(lasting: str) -> None:
    done = playbook("run", app=lasting, command="echo out $GRILLE_APP; echo err >&2").ok()
    assert f"out {lasting}" in done.out
    assert "err" in done.out


def test_the_play_fails_when_the_command_does(lasting: str) -> None:
    failed = playbook("run", app=lasting, command="echo before; exit 7")
    assert failed.rc != 0
    assert "before" in failed.out
    assert "7" in failed.out
    assert "Traceback" not in failed.out


def test_check_runs_nothing(lasting: str) -> None:
    assert "out-of-check" not in playbook("run", "--check", app=lasting, command="printf out-of-; echo check").out
