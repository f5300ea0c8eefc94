"""Source archives: every member checked before one byte of it is written; then GNU tar unpacks."""

from __future__ import annotations

import posixpath
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from ..wire.errors import GrilleError, Unprocessable

MAX_BYTES = 2_000_000_000
MAX_MEMBERS = 100_000
MAX_DEPTH = 64
REMEDY = "send a tar.gz of the app's folder, as `git archive --format=tar.gz HEAD` makes it"


def unpack(archive: Path, to: Path) -> int:
    """Unpack the tar.gz at ``archive`` into the folder ``to``; the number of members.

    Raises:
        Unprocessable: ``bad_source``: not an archive, or one with a member that ``check`` refuses.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            count = check(tar)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise bad(f"the source is not a gzipped tar archive: {error}") from None
    command = ["tar", "-xzf", str(archive), "-C", str(to), "--no-same-owner", "--delay-directory-restore"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"tar exited with {done.returncode}"])[0]
        raise bad(f"the source cannot be unpacked: {reason}")
    return count


def check(members: Iterable[tarfile.TarInfo]) -> int:
    """The number of ``members``, if all are files, folders and links that stay inside the folder.

    Raises:
        Unprocessable: ``bad_source``, naming the first member that is not.
    """
    count, size, links = 0, 0, set[str]()
    for member in members:
        path = _inside(member.name, member.name)
        count, size = count + 1, size + max(member.size, 0)
        if count > MAX_MEMBERS:
            raise bad(f"the source has more than {MAX_MEMBERS} files", "leave generated files out of it")
        if size > MAX_BYTES:
            raise bad(f"the source unpacks to more than {MAX_BYTES // 1_000_000} MB", "leave data out of it")
        if any(parent in links for parent in _parents(path)):
            raise bad(f"{member.name!r} lies below a symbolic link of the same archive")
        _check_type(member, path)
        if member.issym():
            links.add(path)
        elif path in links:
            raise bad(f"{member.name!r} replaces a symbolic link of the same archive")
    if not count:
        raise bad("the source is empty")
    return count


def bad(message: str, remedy: str = REMEDY) -> GrilleError:
    """The error for a source that cannot be taken."""
    return Unprocessable(message, remedy=remedy, code="bad_source")


def _check_type(member: tarfile.TarInfo, path: str) -> None:
    if member.issym():
        _inside(posixpath.join(posixpath.dirname(path), member.linkname), member.name)
    elif member.islnk():
        _inside(member.linkname, member.name)
    elif not (member.isreg() or member.isdir()):
        raise bad(f"{member.name!r} is a device, a socket or a pipe: only files, folders and links are taken")


def _inside(path: str, name: str) -> str:
    """``path``, normal; raises when it leaves the folder that it is relative to."""
    normal = posixpath.normpath(path)
    if path.startswith("/") or normal == ".." or normal.startswith("../") or "\0" in path:
        raise bad(f"{name!r} leads out of the app's folder")
    if normal.count("/") >= MAX_DEPTH:
        raise bad(f"{name[:80]!r}… lies more than {MAX_DEPTH} folders deep")
    return normal


def _parents(path: str) -> Iterable[str]:
    while "/" in path:
        path = posixpath.dirname(path)
        yield path
