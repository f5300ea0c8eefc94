"""The latest changes, for clients that come back after a lost connection: bounded in number and in bytes; pure."""

from __future__ import annotations

from collections import deque
from itertools import islice

from .catalog import Altered, Change, Changes, Led

MOST = 10_000  # changes
BYTES_MOST = 16 * 1024 * 1024  # of instances in them


class History:
    """A ring of changes in the order in which they came. A *position* counts all changes that ever came."""

    def __init__(self) -> None:
        self._ring: deque[tuple[Change | Led | Altered, int]] = deque()
        self._bytes = 0
        self._floor = 0  # of changes at revisions up to this one, some may be missing
        self.position = 0

    def add(self, changes: Changes) -> None:
        """Take in ``changes``; the oldest ones make room."""
        for change in changes:
            size = _size(change)
            self._ring.append((change, size))
            self._bytes += size
            self.position += 1
        while len(self._ring) > MOST or self._bytes > BYTES_MOST:
            oldest, size = self._ring.popleft()
            self._bytes -= size
            self._floor = max(self._floor, oldest.revision)

    def forget(self, revision: int) -> None:
        """Drop all: changes at revisions up to ``revision`` were not all seen."""
        self._ring.clear()
        self._bytes = 0
        self._floor = max(self._floor, revision)

    def since(self, revision: int) -> Changes | None:
        """All changes from ``revision`` on, that one too; None when some are missing."""
        if revision <= self._floor:
            return None
        return [change for change, _ in self._ring if change.revision >= revision]

    def after(self, position: int) -> Changes | None:
        """All changes that came after ``position``; None when some are missing."""
        count = self.position - position
        if count > len(self._ring):
            return None
        return [change for change, _ in islice(self._ring, len(self._ring) - count, None)]


def _size(change: Change | Led | Altered) -> int:
    if isinstance(change, Altered):
        return 0
    seen = (change.leader,) if isinstance(change, Led) else (change.before, change.after)
    return sum(len(each.body) for each in seen if each)
