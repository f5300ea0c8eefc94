"""What discoverd is made of behind its HTTP interface, and the loops that keep it going."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from ..store import Mirror, Store
from .journal import Journal
from .pending import Pending
from .registrations import Registrations
from .registry import Registry
from .settings import SettingsWriter
from .snapshot import Snapshot
from .view import View


class Core:
    """The parts of discoverd around one mirror of ``services/``, which must not have run yet.

    Args:
        folder: where the last state and what is pending are kept; None: nothing outlives the process.
    """

    def __init__(self, store: Store, mirror: Mirror, folder: Path | None) -> None:
        self._snapshot = Snapshot(folder) if folder else None
        self.view = View(mirror, self._snapshot.load() if self._snapshot else None)
        self.registry = Registry(store, self.view)
        self._pending = Pending(store, self.view, self.registry, Journal(folder / "pending.json" if folder else None))
        self.registrations = Registrations(self.view, self.registry, self._pending)
        self.settings = SettingsWriter(store, self.view)

    @property
    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What must run beside the mirror."""
        loops: dict[str, Callable[[], Awaitable[None]]] = {"pending": self._pending.run, "watchers": self.view.hub.run}
        if self._snapshot is not None:
            loops["snapshot"] = partial(self._snapshot.run, self.view.mirror)
        return loops
