"""A change being prepared: the writes, and the checks that make them safe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...codec import encode
from ...store import Check, Delete, Put
from ..records import Records


@dataclass
class Draft:
    """Writes that happen together or not at all, guarded by what ``records`` holds now.

    ``answer`` and ``status`` are what the caller is told when they happened, at ``revision``. No writes: nothing was to
    be changed.
    """

    records: Records
    answer: Any = None
    status: int = 200
    checks: list[Check] = field(default_factory=list)
    writes: list[Put | Delete] = field(default_factory=list)
    revision: int = 0

    def check(self, key: str) -> None:
        """Let the whole fail when ``key`` is changed meanwhile."""
        self.checks.append(Check(key, self.records.revision(key)))

    def put(self, key: str, record: object) -> None:
        """Write ``record`` at ``key``, if nobody else does meanwhile."""
        self.check(key)
        self.writes.append(Put(key, encode(record)))

    def delete(self, key: str) -> None:
        """Delete ``key``, if nobody changes it meanwhile."""
        self.check(key)
        self.writes.append(Delete(key))
