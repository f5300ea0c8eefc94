"""Procfiles, right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from grille.builder import procfile
from grille.wire.errors import GrilleError


def test_comments_blank_lines_windows_ends_and_colons_in_commands_are_fine():
    text = "# processes\r\n\r\nweb: gunicorn app:app --bind :$PORT\r\n  worker :python  worker.py  \r\n"
    assert procfile.parse(text) == {"web": "gunicorn app:app --bind :$PORT", "worker": "python  worker.py"}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("web: a\nweb server", "line 2 ('web server'): not a process type"),
        ("web:", "line 1 ('web:'): not a process type"),
        (": run", "line 1 (': run'): process type ''"),
        ("Web: run", "process type 'Web' is not valid"),
        ("web_1: run", "process type 'web_1' is not valid"),
        ("web: a\n\nweb: b", "line 3: process type 'web' is there twice"),
        ("web: a\0b", "NUL"),
    ],
)
def test_a_bad_line_is_named_with_a_remedy(text, where):
    with pytest.raises(GrilleError) as caught:
        procfile.parse(text)
    assert caught.value.code == "bad_procfile"
    assert where in caught.value.message
    assert caught.value.remedy


def test_a_byte_order_mark_is_not_part_of_a_name_and_other_bytes_are_refused(tmp_path: Path):
    assert procfile.read(tmp_path) is None
    (tmp_path / "Procfile").write_bytes(b"\xef\xbb\xbfweb: x\n")
    assert procfile.read(tmp_path) == {"web": "x"}
    (tmp_path / "Procfile").write_bytes(b"web: \xff\n")
    with pytest.raises(GrilleError, match="not UTF-8: byte 5"):
        procfile.read(tmp_path)
