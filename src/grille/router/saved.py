"""What HAProxy comes back with after a restart: one JSON file, written by the daemon, read by the launcher."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

from ..codec import decode, encode
from ..wire.errors import InvalidValue
from .model import Actual, Endpoint
from .pool import WAIT

FILE = "state.json"
DEBOUNCE = 0.5  # seconds of changes that one write takes in


@dataclass(frozen=True)
class SavedService:
    """A service's backend and the servers that took traffic."""

    backend: str
    servers: dict[str, Endpoint] = field(default_factory=dict)


@dataclass(frozen=True)
class Saved:
    """The routes (``host/path/`` to service) and services of a moment."""

    routes: dict[str, str] = field(default_factory=dict)
    services: dict[str, SavedService] = field(default_factory=dict)


def of(actual: Actual) -> Saved:
    """What is worth saving of ``actual``: draining servers and free backends are not."""
    services = {
        name: SavedService(
            at,
            {
                server: each.endpoint
                for server, each in actual.backends.get(at, {}).items()
                if server != WAIT and each.mode == "ready"
            },
        )
        for name, at in actual.services.items()
    }
    return Saved(dict(actual.routes), services)


def load(folder: Path) -> Saved:
    """What is saved in ``folder``, nothing when there is no file; raises InvalidValue for one that is broken."""
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return Saved()
    except OSError as error:
        raise InvalidValue(f"{folder / FILE}: {error.strerror}") from None
    return decode(Saved, data, what=str(folder / FILE))


def write(path: Path, data: bytes) -> None:
    """Replace the file at ``path`` in one step, on the disk when this returns."""
    fresh = path.with_name(f".{path.name}.new")
    with open(fresh, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


class Saver:
    """Writes the newest state that was offered, at most once in DEBOUNCE seconds."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._latest = Saved()
        self._written: Saved | None = None
        self._offered = asyncio.Event()

    def offer(self, state: Saved) -> None:
        """Let ``state`` be written soon, if it is not what is written."""
        self._latest = state
        if state != self._written:
            self._offered.set()

    async def run(self) -> None:
        """The loop; never returns."""
        while True:
            await self._offered.wait()
            await asyncio.sleep(DEBOUNCE)
            self._offered.clear()
            state = self._latest
            await asyncio.to_thread(write, self._path, encode(state))
            self._written = state
