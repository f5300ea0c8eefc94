"""The last state of ``services/``, saved so that a discoverd that starts while the store is away has one to serve."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from ..codec import decode, encode
from ..store import Entry, Mirror
from ..wire.errors import InvalidValue

log = structlog.get_logger()
EVERY = 2.0  # seconds between saves at the least
SHARE = 0.01  # of the time that saving may take


@dataclass(frozen=True)
class Row:
    """One entry as it is in the file."""

    key: str
    value: str
    create_revision: int
    mod_revision: int
    version: int
    lease: int


@dataclass(frozen=True)
class Document:
    """The file."""

    revision: int
    entries: list[Row]


@dataclass(frozen=True)
class Saved:
    """What was saved, and when: seconds since the epoch."""

    revision: int
    entries: dict[str, Entry]
    at: float

    def age(self) -> float:
        """Seconds since it was the store's."""
        return max(0.0, time.time() - self.at)


class Snapshot:
    """The file ``snapshot.json`` in ``folder``. Its time of modification says when it last agreed with the store."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "snapshot.json"
        self._revision = 0

    def load(self) -> Saved | None:
        """What was saved last; None when there is nothing that can be read."""
        try:
            at, data = self._path.stat().st_mtime, self._path.read_bytes()
            document = decode(Document, data, what=str(self._path))
        except FileNotFoundError:
            return None
        except (OSError, InvalidValue) as error:
            log.warning("saved state not read", path=str(self._path), error=str(error))
            return None
        rows = (Entry(**vars(row) | {"value": row.value.encode()}) for row in document.entries)
        return Saved(document.revision, {entry.key: entry for entry in rows}, at)

    async def run(self, mirror: Mirror) -> None:
        """Save ``mirror`` whenever it differs from what is saved, and at the end. Never returns."""
        await mirror.ready()
        try:
            while True:
                start = time.monotonic()
                await asyncio.to_thread(self.save, mirror.revision, list(mirror.entries.values()), mirror.age())
                await asyncio.sleep(max(EVERY, (time.monotonic() - start) / SHARE))
        finally:
            self.save(mirror.revision, list(mirror.entries.values()), mirror.age())

    def save(self, revision: int, entries: list[Entry], age: float) -> None:
        """Have ``entries`` in the file, and its time say that they were the store's ``age`` seconds ago."""
        try:
            if revision != self._revision:
                replace(self._path, encode(Document(revision, [_row(entry) for entry in entries])))
                self._revision = revision
            at = time.time() - age
            os.utime(self._path, (at, at))
        except OSError as error:
            log.warning("state not saved", path=str(self._path), error=str(error))


def replace(path: Path, data: bytes) -> None:
    """Make ``data`` the content of the file at ``path``, all of it or nothing; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    try:
        new.write_bytes(data)
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def _row(entry: Entry) -> Row:
    value = entry.value.decode("utf-8", "replace")  # what is no text is no record either
    return Row(entry.key, value, entry.create_revision, entry.mod_revision, entry.version, entry.lease)
