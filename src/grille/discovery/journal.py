"""What is pending, on disk: one JSON object a line, appended as it is accepted, written anew when it has grown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog

from ..codec import decode, encode
from ..wire.errors import InvalidValue
from ..wire.specs import Instance
from .records import Registration
from .snapshot import replace

log = structlog.get_logger()
SPARE = 1000  # lines beyond twice what is pending


@dataclass(frozen=True, kw_only=True)
class Item:
    """A registration of ``instance`` for ``ttl`` seconds, or (0) its removal. ``expect``: the mod_revision known."""

    instance: Instance
    ttl: float
    expect: int

    @property
    def name(self) -> tuple[str, str]:
        """The service and the instance's id."""
        return self.instance.service, self.instance.id

    def registration(self) -> Registration:
        """What the client asked for."""
        one = self.instance
        return Registration(
            address=one.address,
            port=one.port,
            protocol=one.protocol,
            host=one.host,
            metadata=one.metadata,
            ttl=self.ttl,
        )


@dataclass(frozen=True)
class Gone:
    """Nothing is pending any more for this instance."""

    service: str
    ident: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the file."""

    item: Item | None = None
    gone: Gone | None = None


class Journal:
    """The file at ``path``; None: nothing is kept over a restart."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._live: dict[tuple[str, str], Item] = {}
        self._lines = 0

    def load(self) -> list[Item]:
        """What was pending; lines that cannot be read are left out."""
        lines = self._path.read_bytes().splitlines() if self._path and self._path.exists() else []
        for raw in lines:
            try:
                self._note(decode(Line, raw, what=str(self._path)))
            except InvalidValue as error:
                log.warning("pending registration not read", error=error.message)
        self._rewrite()
        return list(self._live.values())

    def add(self, entry: Item | Gone) -> None:
        """Note one more thing."""
        line = Line(item=entry) if isinstance(entry, Item) else Line(gone=entry)
        self._note(line)
        if self._lines > 2 * len(self._live) + SPARE:
            self._rewrite()
        else:
            self._append(line)

    def clear(self) -> None:
        """Nothing is pending any more."""
        self._live.clear()
        self._rewrite()

    def _note(self, line: Line) -> None:
        if line.item:
            self._live[line.item.name] = line.item
        if line.gone:
            self._live.pop((line.gone.service, line.gone.ident), None)

    def _append(self, line: Line) -> None:
        self._lines += 1
        if self._path is None:
            return
        try:
            with self._path.open("ab") as file:
                file.write(encode(line) + b"\n")
        except OSError as error:
            log.warning("pending registration not kept on disk", path=str(self._path), error=str(error))

    def _rewrite(self) -> None:
        self._lines = len(self._live)
        if self._path is None:
            return
        try:
            if self._live or self._path.exists():
                replace(self._path, b"".join(encode(Line(item=item)) + b"\n" for item in self._live.values()))
        except OSError as error:
            log.warning("pending registrations not kept on disk", path=str(self._path), error=str(error))
