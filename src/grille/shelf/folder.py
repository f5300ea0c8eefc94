"""Objects as files below one folder: ``objects/<path>``, and ``tmp/`` for uploads. Blocking: called in threads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import structlog

from ..wire.errors import Conflict, GrilleError, NotFound, OutOfSpace
from .backend import Item

log = structlog.get_logger()
_FULL = (errno.ENOSPC, errno.EDQUOT)
_IN_THE_WAY = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY)


def _missing(path: str) -> NotFound:
    return NotFound(f"there is no object {path!r}", code="unknown_object")


@contextlib.contextmanager
def explained(path: str = "") -> Iterator[None]:
    """Turn the operating system's errors that a user can do something about into Grille's."""
    try:
        yield
    except OSError as error:
        raise _explain(error, path) from error


def _explain(error: OSError, path: str) -> Exception:
    if error.errno in _FULL:
        return OutOfSpace("the disk of shelf is full", remedy="free space below shelf's data folder, then try again")
    if error.errno in _IN_THE_WAY:
        return Conflict(f"{path!r}: an object cannot lie below another object, nor take a folder's place")
    log.error("disk failed", path=path, error=str(error))
    return GrilleError(f"shelf's disk failed: {error.strerror}", remedy="see shelf's log and the host's", code="disk")


class Folder:
    """The files of one data folder.

    Args:
        data: shelf's data folder; made when missing. Temporary files that no process holds any more are removed.
    """

    def __init__(self, data: str) -> None:
        self._root, self._tmp = Path(data) / "objects", Path(data) / "tmp"
        self._tree = threading.RLock()  # folders are made and pruned by one thread at a time
        for folder in (self._root, self._tmp):
            folder.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def _sweep(self) -> None:
        for path in self._tmp.iterdir():
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while an upload holds it
                path.unlink()

    def free(self) -> int:
        """Bytes that may still be written."""
        status = os.statvfs(self._tmp)
        return status.f_bavail * status.f_frsize

    def temporary(self) -> tuple[int, str]:
        """A new file for an upload, locked by its descriptor: the descriptor and the name."""
        descriptor, name = tempfile.mkstemp(dir=self._tmp)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor, name

    def place(self, temporary: str, path: str) -> bool:
        """Rename ``temporary`` to the object ``path``, durably; whether there was no such object before."""
        return self._rename(Path(temporary), self._root / path)

    def move(self, path: str, to: str) -> None:
        """Rename the object ``path`` to ``to``, durably."""
        source = self._root / path
        with self._tree:
            self._must_be(source, path)
            self._rename(source, self._root / to)
            self._prune(source.parent)

    def remove(self, path: str) -> None:
        """Delete the object ``path``, and folders that are empty without it."""
        target = self._root / path
        with self._tree:
            self._must_be(target, path)
            target.unlink()
            _sync(target.parent)
            self._prune(target.parent)

    def open(self, path: str) -> int:
        """A descriptor of the object ``path``, to read."""
        target = self._root / path
        self._must_be(target, path)
        try:
            return os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:  # deleted this very moment
            raise _missing(path) from None

    def walk(self, prefix: str, after: str) -> Iterator[Item]:
        """The objects that start with ``prefix`` and come after ``after``, in the order of their paths."""
        return _walk(self._root, "", prefix, after)

    def _must_be(self, file: Path, path: str) -> None:
        if not file.is_file():
            raise _missing(path)

    def _rename(self, source: Path, target: Path) -> bool:
        with self._tree:
            try:
                changed = self._make(target.parent)
                new = not target.exists()
                source.rename(target)
            except OSError:
                self._prune(target.parent)
                raise
        for folder in {*changed, source.parent}:
            with contextlib.suppress(FileNotFoundError):
                _sync(folder)
        return new

    def _make(self, folder: Path) -> list[Path]:
        """Make ``folder`` with its parents; the folders whose entries are to be made durable."""
        if folder.is_dir():
            return [folder]
        changed = self._make(folder.parent)
        folder.mkdir()
        return [*changed, folder]

    def _prune(self, folder: Path) -> None:
        with contextlib.suppress(OSError):  # the first that is not empty, or not there, ends it
            while folder != self._root:
                folder.rmdir()
                folder = folder.parent


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _walk(folder: Path, base: str, prefix: str, after: str) -> Iterator[Item]:
    for name, entry in _sorted(folder):
        path = base + name
        if entry.is_dir(follow_symlinks=False):
            inside = path.startswith(prefix) or prefix.startswith(path)
            if inside and (path > after or after.startswith(path)):
                yield from _walk(folder / entry.name, path, prefix, after)
        elif path.startswith(prefix) and path > after:
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                status = entry.stat(follow_symlinks=False)
                yield Item(path, status.st_size, status.st_mtime)


def _sorted(folder: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """A folder's entries in the order of the paths they lead to: folders count with their slash."""
    try:
        with os.scandir(folder) as entries:
            named = [(entry.name + "/" * entry.is_dir(follow_symlinks=False), entry) for entry in entries]
    except FileNotFoundError:
        return []
    return sorted((pair for pair in named if _utf8(pair[0])), key=lambda pair: pair[0])


def _utf8(name: str) -> bool:
    """Whether ``name`` can be an object's: not so the bytes that somebody may have put there by hand."""
    return not any("\ud800" <= character <= "\udfff" for character in name)
