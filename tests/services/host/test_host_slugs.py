"""The slug store by itself: mounted where Docker sees it, unpacked where mounts are impossible, dropped when unused."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from grille.host import mounts
from grille.host.engine import SOCKET
from grille.host.slugs import Slugs
from grille.wire.specs import Slug


@pytest.fixture
def slug(tmp_path: Path) -> Slug:
    """A slug with one file, already in the store's folder."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/hello").write_text("hello\n")
    packed = tmp_path / "packed"
    subprocess.run(["mksquashfs", str(tmp_path / "app"), str(packed), "-quiet", "-no-progress"], check=True)
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    size = packed.stat().st_size
    (tmp_path / "slugs").mkdir()
    packed.rename(tmp_path / "slugs" / f"{digest}.squashfs")
    return Slug(digest=digest, size=size)


def made(tmp_path: Path) -> Slugs:
    return Slugs(tmp_path / "slugs", lambda: [], lambda: "", SOCKET, unused=-1)


async def test_a_slug_is_mounted_once_and_dropped_when_unused(tmp_path: Path, slug: Slug) -> None:
    slugs, pid = made(tmp_path), mounts.docker_pid(SOCKET)
    target = str(await slugs.ready(slug))
    assert await slugs.ready(slug) == Path(target)
    assert Path(f"/proc/{pid}/mountinfo").read_text().count(f" {target} ") == 1
    assert Path(f"/proc/{pid}/root{target}/hello").read_text() == "hello\n"
    await slugs.sweep({slug.digest})
    assert mounts.mounted(pid, target)
    await slugs.sweep(set())
    assert not mounts.mounted(pid, target)
    assert os.listdir(tmp_path / "slugs") == []


async def test_where_mounts_are_impossible_it_is_unpacked(
    tmp_path: Path, slug: Slug, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = tmp_path / "bin/nsenter"
    refuses.parent.mkdir()
    refuses.write_text("#!/bin/sh\necho 'mount: failed to setup loop device' >&2\nexit 32\n")
    refuses.chmod(0o755)
    monkeypatch.setenv("PATH", f"{refuses.parent}:{os.environ['PATH']}")
    target = await made(tmp_path).ready(slug)
    assert (target / "hello").read_text() == "hello\n"
    assert not mounts.mounted(mounts.docker_pid(SOCKET), str(target))
    assert await made(tmp_path).ready(slug) == target, "another agent's life finds it"
    await made(tmp_path).sweep(set())
    assert os.listdir(tmp_path / "slugs") == []
