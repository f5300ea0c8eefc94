"""The sha256 of a file, remembered with the file itself: in an extended attribute, so that it moves along with it.

The attribute is only a memory of what the file shows: it holds size and modification time too, and where it is
missing, out of date or not supported by the file system, the file is read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os

ATTRIBUTE = "user.grille.sha256"
BLOCK = 1024 * 1024
REMEMBERED = 4096

_recent: dict[tuple[int, int, int, int], str] = {}  # for file systems without extended attributes


def remember(descriptor: int, sha256: str) -> None:
    """Note ``sha256`` as the digest of the file behind ``descriptor`` as it is now."""
    status = os.fstat(descriptor)
    if len(_recent) >= REMEMBERED:
        _recent.pop(next(iter(_recent)))
    _recent[_identity(status)] = sha256
    with contextlib.suppress(OSError):  # not supported here, or no room: it will be read again
        os.setxattr(descriptor, ATTRIBUTE, _line(status, sha256))


def digest_of(descriptor: int) -> str:
    """The sha256 of the file behind ``descriptor``, from memory when that still fits, else by reading it."""
    status = os.fstat(descriptor)
    with contextlib.suppress(OSError):
        sha256 = os.getxattr(descriptor, ATTRIBUTE)[:64].decode("ascii", "replace")
        if os.getxattr(descriptor, ATTRIBUTE) == _line(status, sha256):
            return sha256
    known = _recent.get(_identity(status))
    if known:
        return known
    sha256 = _read(descriptor)
    remember(descriptor, sha256)
    return sha256


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _line(status: os.stat_result, sha256: str) -> bytes:
    return f"{sha256} {status.st_size} {status.st_mtime_ns}".encode()


def _read(descriptor: int) -> str:
    total, offset = hashlib.sha256(), 0
    while block := os.pread(descriptor, BLOCK, offset):
        total.update(block)
        offset += len(block)
    return total.hexdigest()
