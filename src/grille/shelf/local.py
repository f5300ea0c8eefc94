"""The backend that keeps objects as local files: threads around ``folder``, and sendfile to the client."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import threading

from aiohttp import web

from ..wire.errors import OutOfSpace
from . import digests
from .backend import Item, Stored
from .folder import Folder, explained


class LocalUpload:
    """A temporary file on its way to be an object. A lock keeps ``abort`` from closing it under a write."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._sha256 = hashlib.sha256()
        self._size = 0
        with explained():
            self._descriptor, self._name = folder.temporary()

    async def write(self, block: bytes) -> None:
        """Append ``block``; raises OutOfSpace."""
        await asyncio.to_thread(self._write, block)

    async def digest(self) -> str:
        """The sha256 of what was written so far."""
        return self._sha256.hexdigest()

    async def commit(self, path: str) -> tuple[Stored, bool]:
        """Make it the object at ``path``: digest noted, file on disk, renamed, folder on disk."""
        return await asyncio.to_thread(self._commit, path)

    async def abort(self) -> None:
        """Close and remove the file, if it was not committed."""
        await asyncio.shield(asyncio.to_thread(self._abort))

    def _write(self, block: bytes) -> None:
        with self._lock, explained():
            self._sha256.update(block)
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._size += len(block)

    def _commit(self, path: str) -> tuple[Stored, bool]:
        with self._lock, explained(path):
            sha256 = self._sha256.hexdigest()
            digests.remember(self._descriptor, sha256)
            os.fsync(self._descriptor)
            new = self._folder.place(self._name, path)
            self._close()
            return Stored(path, self._size, sha256), new

    def _abort(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._name)
                self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


class LocalReader:
    """An open file."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        status = os.fstat(descriptor)
        self.modified = status.st_mtime
        self.stored = Stored(path, status.st_size, digests.digest_of(descriptor))

    async def send(self, request: web.Request, offset: int, count: int) -> None:
        """Let the kernel copy the bytes to the client's socket."""
        if request.transport is None:
            raise ConnectionResetError("the client left")
        os.posix_fadvise(self._file.fileno(), offset, count, os.POSIX_FADV_SEQUENTIAL)
        await asyncio.get_running_loop().sendfile(request.transport, self._file, offset, count)

    async def close(self) -> None:
        """Close the file."""
        self._file.close()


class LocalFiles:
    """Objects in the files of a data folder.

    Args:
        data: the folder; uploads and objects lie below it, so it must be one file system.
    """

    def __init__(self, data: str) -> None:
        with explained():
            self._folder = Folder(data)

    async def create(self, size: int | None) -> LocalUpload:
        """Begin an upload; raises OutOfSpace at once when ``size`` bytes are not free."""
        if size is not None and size > await asyncio.to_thread(self._folder.free):
            raise OutOfSpace(
                f"the disk of shelf has no room for {size} bytes",
                remedy="free space below shelf's data folder, then try again",
            )
        return await asyncio.to_thread(LocalUpload, self._folder)

    async def open(self, path: str) -> LocalReader:
        """The object at ``path``; raises NotFound."""
        return await asyncio.to_thread(self._open, path)

    async def delete(self, path: str) -> None:
        """Remove the object at ``path``; raises NotFound."""
        await asyncio.to_thread(self._delete, path)

    async def move(self, path: str, to: str) -> Stored:
        """Rename the object at ``path`` to ``to``; raises NotFound."""
        return await asyncio.to_thread(self._move, path, to)

    async def list(self, prefix: str, after: str, limit: int) -> list[Item]:
        """At most ``limit`` objects in the order of their paths."""
        return await asyncio.to_thread(lambda: list(itertools.islice(self._folder.walk(prefix, after), limit)))

    def _open(self, path: str) -> LocalReader:
        with explained(path):
            return LocalReader(self._folder.open(path), path)

    def _delete(self, path: str) -> None:
        with explained(path):
            self._folder.remove(path)

    def _move(self, path: str, to: str) -> Stored:
        with explained(to):
            descriptor = self._folder.open(path)
            try:
                stored = Stored(to, os.fstat(descriptor).st_size, digests.digest_of(descriptor))
                self._folder.move(path, to)
            finally:
                os.close(descriptor)
            return stored
