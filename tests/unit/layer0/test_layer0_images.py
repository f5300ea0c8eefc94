"""How grille_images reads the output of the work that goes on in the background."""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.grille.grille.plugins.modules import grille_images as module


def test_unfinished_lines_wait_until_the_end() -> None:
    assert module.said(b"--> base\nok grille/run:1\n--> ha", whole=True) == (
        ["--> base"],
        len("--> base\nok grille/run:1\n"),
    )
    assert module.said(b"--> ha", whole=False) == (["--> ha"], 6)


def test_commands() -> None:
    assert module.command("/a b", []) == "'/a b/images/build.sh'"
    assert module.command("", ["x:1", "y:2"]) == "docker pull x:1 && docker pull y:2"


def test_work_is_followed_to_its_exit_code(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    module.start('(echo one; sleep 0.3; echo "$SAY"; exit 3)', log, {"SAY": "two"})
    lines, cursor, code, end = [], 0, None, time.monotonic() + 10
    while code is None and time.monotonic() < end:
        more, cursor, code = module.news(log, cursor)
        lines += more
    assert (lines, code) == (["one", "two"], 3)
