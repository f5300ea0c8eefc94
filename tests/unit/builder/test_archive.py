"""Source archives: what is taken and what is refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from grille.builder import archive
from grille.wire.errors import GrilleError


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


GOOD = [
    member("."),
    member("./a", tarfile.DIRTYPE),
    member("./a/b.txt"),
    member("c", tarfile.SYMTYPE, "a/b.txt"),
    member("a/up", tarfile.SYMTYPE, "../c"),
    member("hard", tarfile.LNKTYPE, "./a/b.txt"),
    member("..odd"),
]


def test_files_folders_and_links_inside_are_taken():
    assert archive.check(GOOD) == len(GOOD)


@pytest.mark.parametrize(
    "members",
    [
        [],
        [member("/etc/passwd")],
        [member("../x")],
        [member("a/../../x")],
        [member("l", tarfile.SYMTYPE, "/etc")],
        [member("a/l", tarfile.SYMTYPE, "../../x")],
        [member("l", tarfile.LNKTYPE, "../x")],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("disk", tarfile.BLKTYPE)],
        [member("l", tarfile.SYMTYPE, "a"), member("l/x")],
        [member("l", tarfile.SYMTYPE, "a"), member("./l")],
        [member("x", size=archive.MAX_BYTES), member("y", size=1)],
        [member("/".join("d" * 70))],
    ],
)
def test_what_could_leave_the_folder_or_fill_the_disk_is_refused(members):
    with pytest.raises(GrilleError) as caught:
        archive.check(members)
    assert caught.value.code == "bad_source"
    assert caught.value.remedy


def test_too_many_members_are_refused_before_all_are_read():
    endless = (member(f"f{number}") for number in iter(int, 1))
    with pytest.raises(GrilleError, match=f"more than {archive.MAX_MEMBERS} files"):
        archive.check(endless)


def test_unpacking_gives_the_files_and_a_cut_archive_is_told(tmp_path: Path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = member("a/b.txt", size=100_000)
        tar.addfile(info, io.BytesIO(bytes(index % 251 for index in range(100_000))))
    packed, out = tmp_path / "s.tar.gz", tmp_path / "out"
    out.mkdir()
    packed.write_bytes(buffer.getvalue())
    assert archive.unpack(packed, out) == 1
    assert (out / "a/b.txt").stat().st_size == 100_000
    packed.write_bytes(buffer.getvalue()[:200])
    with pytest.raises(GrilleError) as caught:
        archive.unpack(packed, out)
    assert caught.value.code == "bad_source"
