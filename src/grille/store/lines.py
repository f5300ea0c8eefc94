"""Whole lines out of the chunks of a stream."""

from __future__ import annotations

from ..wire.errors import Unavailable

LINE_LIMIT = 64 * 1024 * 1024


class Lines:
    """Splits what it is fed at newlines, whatever the lines' length; empty lines are dropped."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that ``chunk`` completes. Raises Unavailable for a line above 64 MiB."""
        *ends, rest = chunk.split(b"\n")
        lines = []
        for end in ends:
            lines.append(b"".join([*self._parts, end]))
            self._parts, self._size = [], 0
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > LINE_LIMIT:
            raise Unavailable("etcd sent a watch line above 64 MiB")
        return [line for line in lines if line.strip()]
