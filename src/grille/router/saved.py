"""What HAProxy comes back with after a restart: one JSON file, written by the daemon, read by HAProxy's supervisor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..codec import decode, encode
from ..wire.errors import InvalidValue
from . import variant
from .model import Actual
from .pool import WAIT

FILE = "state.json"
SOON = 0.02  # seconds after a change until it is written, when nothing was for a while
DEBOUNCE = 0.5  # seconds between two writes: changes in between make one
BUSY = 10  # a write is followed by a pause of this many times what it took, at least


@dataclass(frozen=True)
class Structure:
    """What is fixed when HAProxy starts: backends per class, and whether TLS may be passed through by its SNI."""

    pools: dict[str, int] = field(default_factory=dict)
    passthrough: bool = False


@dataclass(frozen=True)
class Saved:
    """HAProxy's state at a moment.

    Args:
        maps: each map's entries. backends: by server's name, the rest of its ``server`` line.
        certificates: lines of the list of certificates; the files they name are in the folder ``certs``.
    """

    structure: Structure = field(default_factory=Structure)
    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    backends: dict[str, dict[str, str]] = field(default_factory=dict)
    certificates: list[str] = field(default_factory=list)


def of(actual: Actual, structure: Structure, certificates: list[str]) -> Saved:
    """What is worth saving: servers that are leaving are not."""
    lines: dict[str, dict[str, str]] = {}
    for name, at in actual.services.items():
        kind = variant.parse(name)
        lines[at] = {
            server: variant.server_line(kind, str(each.endpoint), each.weight)
            for server, each in actual.backends.get(at, {}).items()
            if server != WAIT and each.mode == "ready"
        }
    maps: Mapping[str, dict[str, str]] = {name: dict(table) for name, table in actual.maps.items()}
    return Saved(structure, dict(maps), lines, certificates)


def load(folder: Path) -> Saved:
    """What is saved in ``folder``, nothing when there is no file; raises InvalidValue for one that is broken."""
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return Saved()
    except OSError as error:
        raise InvalidValue(f"{folder / FILE}: {error.strerror}") from None
    return decode(Saved, data, what=str(folder / FILE))


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace the file at ``path`` in one step, on the disk when this returns; ``mode`` from its first byte on."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


class Saver:
    """Writes the newest state soon after ``changed`` is told, at most once in DEBOUNCE seconds.

    Args:
        state: gives what to write, at the moment of writing.
    """

    def __init__(self, folder: Path, state: Callable[[], Saved | None]) -> None:
        self._path, self._state = folder / FILE, state
        self._written = b""
        self._changed = asyncio.Event()
        self._lock = asyncio.Lock()

    def changed(self) -> None:
        """Something may be different from what is written."""
        self._changed.set()

    async def write(self) -> None:
        """Write now, if anything differs."""
        async with self._lock:
            self._changed.clear()
            state = self._state()
            data = encode(state) if state is not None else self._written
            if data != self._written:
                await asyncio.to_thread(write, self._path, data)
                self._written = data

    async def run(self) -> None:
        """The loop; never returns."""
        clock = asyncio.get_running_loop().time
        due = 0.0
        while True:
            await self._changed.wait()
            await asyncio.sleep(max(SOON, due - clock()))
            began = clock()
            await self.write()
            due = clock() + max(DEBOUNCE, BUSY * (clock() - began))
