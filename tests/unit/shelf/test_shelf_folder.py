"""Objects as files: order of listings, digests that outlive anything, temporary files, folders in the way."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from grille.shelf import digests
from grille.shelf.folder import Folder
from grille.shelf.local import LocalFiles
from grille.wire.errors import Conflict, NotFound, OutOfSpace

PATHS = ["a/b/c", "a/b-c", "a/b.c", "a/bc/d", "b/é", "b/z", "b/\u00a0", "ab/x"]


async def put(files: LocalFiles, path: str, data: bytes = b"data") -> bool:
    upload = await files.create(None)
    try:
        await upload.write(data)
        return (await upload.commit(path))[1]
    finally:
        await upload.abort()


async def paths(files: LocalFiles, prefix: str = "", after: str = "", limit: int = 100) -> list[str]:
    return [item.path for item in await files.list(prefix, after, limit)]


async def test_listing_is_in_the_order_of_paths(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    for path in PATHS:
        await put(files, path)
    wanted = sorted(PATHS)
    assert await paths(files) == wanted
    for prefix in ("", "a", "a/", "a/b", "a/b/", "b/", "zzz", "a/b/c/d"):
        below = [path for path in wanted if path.startswith(prefix)]
        assert await paths(files, prefix) == below
        for after in [*wanted, "a", "a/b", "a/b0", "b/"]:
            assert await paths(files, prefix, after) == [path for path in below if path > after]
    assert await paths(files, "", wanted[1], 2) == wanted[2:4]


async def test_new_replaced_deleted(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    assert await put(files, "a/b/c") is True
    assert await put(files, "a/b/c", b"other") is False
    await files.delete("a/b/c")
    assert list((tmp_path / "objects").iterdir()) == [], "empty folders go too"
    with pytest.raises(NotFound):
        await files.delete("a/b/c")


async def test_an_open_object_stays_what_it_was(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    await put(files, "a/b", b"old")
    reader = await files.open("a/b")
    await put(files, "a/b", b"newer")
    assert (reader.stored.size, reader.stored.sha256) == (3, hashlib.sha256(b"old").hexdigest())
    await reader.close()


async def test_no_object_below_an_object(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    await put(files, "a/b/c")
    for path in ("a/b/c/d", "a/b"):
        with pytest.raises(Conflict):
            await put(files, path)
        with pytest.raises(Conflict):
            await files.move("a/b/c", path)
    assert await paths(files) == ["a/b/c"]
    assert list((tmp_path / "tmp").iterdir()) == []
    for path in ("a/b", "a", "a/b/c/d"):
        with pytest.raises(NotFound):
            await files.open(path)


async def test_digest_without_its_attribute_and_after_a_change_by_hand(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    await put(files, "a/b", b"one")
    file = tmp_path / "objects/a/b"
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    reader = await files.open("a/b")
    assert reader.stored.sha256 == hashlib.sha256(b"two").hexdigest()
    await reader.close()
    digests._recent.clear()
    if digests.ATTRIBUTE in os.listxattr(file):
        os.removexattr(file, digests.ATTRIBUTE)
    reader = await files.open("a/b")
    assert reader.stored.sha256 == hashlib.sha256(b"two").hexdigest()
    await reader.close()


async def test_stale_temporary_files_go_but_not_those_in_use(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))
    upload = await files.create(None)
    (tmp_path / "tmp/stale").write_bytes(b"left by a crash")
    Folder(str(tmp_path))
    assert len(list((tmp_path / "tmp").iterdir())) == 1
    await upload.write(b"x")
    assert await upload.commit("a/b")


async def test_no_space_at_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network file systems tell only then; none is at hand, so fsync is told to fail."""
    files = LocalFiles(str(tmp_path))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutOfSpace):
            await put(files, "a/b")
    assert await paths(files) == []
    assert list((tmp_path / "tmp").iterdir()) == []
    assert await put(files, "a/b")
