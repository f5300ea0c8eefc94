"""What shelf asks of a place that keeps objects. Keys are checked paths; every method raises GrilleError only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from aiohttp import web


@dataclass(frozen=True)
class Stored:
    """An object with its digest (lower-case hexadecimal)."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Item:
    """An object as a listing shows it. ``modified``: seconds since the epoch."""

    path: str
    size: int
    modified: float


class Upload(Protocol):
    """An object being written. Nothing of it can be seen before ``commit``; ``abort`` leaves nothing."""

    async def write(self, block: bytes) -> None:
        """Append ``block``; raises OutOfSpace."""

    async def digest(self) -> str:
        """The sha256 of what was written so far."""

    async def commit(self, path: str) -> tuple[Stored, bool]:
        """Make it the object at ``path``, durably; the object, and whether there was none before."""

    async def abort(self) -> None:
        """Drop what was written; does nothing after ``commit``."""


class Reader(Protocol):
    """An object open for reading: it stays what it was, whatever happens to its path meanwhile."""

    @property
    def stored(self) -> Stored:
        """Which object this is."""

    @property
    def modified(self) -> float:
        """When it was written, seconds since the epoch."""

    async def send(self, request: web.Request, offset: int, count: int) -> None:
        """Send bytes to the client of ``request``, whose response was prepared already."""

    async def close(self) -> None:
        """Let go of it."""


class Backend(Protocol):
    """A place that keeps objects."""

    async def create(self, size: int | None) -> Upload:
        """Begin an upload of ``size`` bytes (None: unknown); raises OutOfSpace when that can be told already."""

    async def open(self, path: str) -> Reader:
        """The object at ``path``; raises NotFound."""

    async def delete(self, path: str) -> None:
        """Remove the object at ``path``; raises NotFound."""

    async def move(self, path: str, to: str) -> Stored:
        """Give the object at ``path`` the path ``to``, replacing what was there, in one step; raises NotFound."""

    async def list(self, prefix: str, after: str, limit: int) -> list[Item]:
        """At most ``limit`` objects that start with ``prefix`` and come after ``after``, in the order of paths."""
