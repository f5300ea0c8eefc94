"""Packing a source: the same files give the same bytes, whatever else is true of them."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from ansible_collections.grille.grille.plugins.module_utils.grille.errors import InvalidValue
from ansible_collections.grille.grille.plugins.plugin_utils.packing import Packed, packed

FILES = {"Procfile": "web: python3 server.py\n# a comment\nworker : run it\n", "server.py": "print()\n", "a/b/c": "x"}


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def _packed(tmp_path: Path, source: object) -> tuple[Packed, list[tarfile.TarInfo]]:
    with (
        packed(str(source), str(tmp_path), str(tmp_path / "packed.tar.gz")) as result,
        tarfile.open(result.path) as tar,
    ):
        return result, tar.getmembers()


def test_same_files_same_digest_whatever_their_times_modes_and_order(tmp_path: Path) -> None:
    one = _write(tmp_path / "one", FILES)
    two = _write(tmp_path / "two", dict(reversed(FILES.items())))
    os.utime(two / "server.py", (1, 1))
    (two / "server.py").chmod(0o600)
    (two / "empty").mkdir()
    first, members = _packed(tmp_path, one)
    assert first.digest == _packed(tmp_path, two)[0].digest
    assert [(m.name, m.mode, m.uid, m.gid, m.uname, m.mtime) for m in members] == [
        (name, 0o644, 0, 0, "", 0) for name in sorted(FILES)
    ]
    (two / "server.py").chmod(0o755)
    assert first.digest != _packed(tmp_path, two)[0].digest


def test_the_digest_does_not_depend_on_the_machine(tmp_path: Path) -> None:
    _write(tmp_path / "one", {"Procfile": "web: true\n"})
    known = "tests compare with bytes made elsewhere"
    with packed("one", str(tmp_path), str(tmp_path / "p")) as result:
        head = Path(result.path).read_bytes()[:10]
    assert head == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", known  # no name, no time, no system


def test_links_that_stay_inside_are_kept_and_others_named(tmp_path: Path) -> None:
    folder = _write(tmp_path / "one", FILES)
    (folder / "a/inside").symlink_to("../server.py")
    (folder / "a/up").symlink_to("../../two")
    (folder / "absolute").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    result, members = _packed(tmp_path, folder)
    assert result.skipped == ("a/up", "absolute", "pipe")
    assert [(m.name, m.linkname) for m in members if m.issym()] == [("a/inside", "../server.py")]
    assert result.procfile == {"web": "python3 server.py", "worker": "run it"}


def test_git_tree_leaves_out_what_git_ignores_and_takes_what_is_not_committed(tmp_path: Path) -> None:
    folder = _write(tmp_path / "one", {**FILES, ".gitignore": "junk\n", "junk": "x", "gone": "x"})
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "add", ".")
    _git(folder, "commit", "-qm", "one")
    (folder / "gone").unlink()
    _write(folder, {"new": "x"})
    names = [member.name for member in _packed(tmp_path, folder)[1]]
    assert names == sorted([*FILES, ".gitignore", "new"])
    assert [member.name for member in _packed(tmp_path, folder / "a")[1]] == ["b/c"]


def test_ref_of_a_repository_by_path_and_url_is_the_commit_and_nothing_else(tmp_path: Path) -> None:
    folder = _write(tmp_path / "one", FILES)
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "add", ".")
    _git(folder, "commit", "-qm", "one")
    _git(folder, "tag", "v1")
    clean = _packed(tmp_path, folder)[0].digest
    _write(folder, {"server.py": "changed\n"})
    assert _packed(tmp_path, folder)[0].digest != clean
    for source in (f"{folder}#v1", "one#main", f"file://{folder}#v1", f"{folder}#HEAD"):
        assert _packed(tmp_path, source)[0].digest == clean
    with pytest.raises(InvalidValue, match=r"has no ref 'nowhere' \(branches and tags there: main, v1\)"):
        _packed(tmp_path, f"{folder}#nowhere")
    with pytest.raises(InvalidValue, match="cannot be fetched"):
        _packed(tmp_path, f"file://{folder}#nowhere")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nowhere", "nowhere does not exist"),
        ("file", "is not a folder"),
        ("empty", "is empty"),
        ("folder#v1", "is not a git repository"),
        ("nowhere#v1", "nowhere does not exist"),
        ("-x#--upload-pack=touch", "does not exist"),
    ],
)
def test_wrong_sources_are_one_line(tmp_path: Path, source: str, says: str) -> None:
    _write(tmp_path, {"file": "x", "folder/file": "x"})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidValue) as raised:
        _packed(tmp_path, source)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "packed.tar.gz").exists()
