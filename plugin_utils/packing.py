# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packs an app's source into one archive that depends on the files alone: the same files, the same digest."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from ..module_utils.grille.errors import InvalidValue
from .source import files_of, opened

PROCFILE_LINE = re.compile(r"\s*([A-Za-z0-9_-]+)\s*:\s*(\S.*?)\s*\Z")


@dataclass(frozen=True)
class Packed:
    """A packed source: ``path`` of the archive, sha256 ``digest`` of its bytes, ``size`` in bytes.

    ``skipped`` are links that lead out of the source and what is neither file nor link; ``procfile`` maps the
    process types to their commands, as far as they can be read.
    """

    path: str
    digest: str
    size: int
    files: int
    skipped: tuple[str, ...]
    procfile: dict[str, str]


@contextmanager
def packed(source: str, base: str, archive: str) -> Iterator[Packed]:
    """Pack ``source`` (see source.opened) into the file ``archive``, which is removed at the end.

    Raises:
        InvalidValue: there is no such source, it holds no file, or one cannot be read.
    """
    try:
        with opened(source, base) as folder:
            result = _pack(source, folder, archive)
        yield result
    finally:
        if os.path.exists(archive):
            os.unlink(archive)


def _pack(source: str, folder: str, archive: str) -> Packed:
    listed = files_of(folder)
    kept = [path for path in listed if _belongs(folder, path)]
    if not kept:
        why = "holds no file that git does not ignore" if os.listdir(folder) else "is empty"
        raise InvalidValue(f"source {source} {why}", remedy="give a folder with the app's files", code="bad_source")
    try:
        with open(archive, "wb") as file:
            _write(folder, kept, file)
    except PermissionError as error:
        raise InvalidValue(
            f"source {source}: {error.filename} cannot be read", remedy="see its permissions", code="bad_source"
        ) from None
    skipped = tuple(sorted(set(listed) - set(kept)))
    size = os.path.getsize(archive)
    return Packed(archive, sha256_of(archive), size, len(kept), skipped, read_procfile(folder))


def _belongs(folder: str, path: str) -> bool:
    """Whether a path is packed: regular files, and links that stay within the source."""
    full = os.path.join(folder, path)
    mode = os.lstat(full).st_mode
    if not stat.S_ISLNK(mode):
        return stat.S_ISREG(mode)
    target = os.readlink(full)
    landing = os.path.normpath(os.path.join(os.path.dirname(path), target))
    return not (os.path.isabs(target) or landing == ".." or landing.startswith("../"))


def _write(folder: str, paths: list[str], file: IO[bytes]) -> None:
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in paths:
            _add(tar, os.path.join(folder, path), path)


def _add(tar: tarfile.TarFile, full: str, path: str) -> None:
    entry = tarfile.TarInfo(path)
    found = os.lstat(full)
    if stat.S_ISLNK(found.st_mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, os.readlink(full), 0o777
        tar.addfile(entry)
        return
    entry.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
    with open(full, "rb") as content:
        entry.size = os.fstat(content.fileno()).st_size
        tar.addfile(entry, content)


def sha256_of(path: str) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_procfile(folder: str) -> dict[str, str]:
    """The process types and commands in ``folder``'s Procfile; empty where there is none."""
    try:
        with open(os.path.join(folder, "Procfile"), encoding="utf-8", errors="replace") as file:
            found = (PROCFILE_LINE.match(line) for line in file if not line.lstrip().startswith("#"))
            return {match[1]: match[2] for match in found if match}
    except OSError:
        return {}
