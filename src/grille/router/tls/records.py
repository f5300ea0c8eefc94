"""The records of certificates as last seen in the store, and what each gives. No I/O but the file of sealing keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...service.sealing import Keyring
from ...store import Entry, Event
from ...wire import keys
from ...wire.errors import GrilleError, Unavailable
from ..records import shortened
from .material import Material, material


class Records:
    """``materials``: what can be served. ``bad``: what cannot, with the reason. ``locked``: those of ``bad`` whose key
    cannot be opened on this host (yet): what is served of them stays. All by key in the store.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._entries: dict[str, Entry] = {}
        self.materials: dict[str, Material] = {}
        self.bad: dict[str, str] = {}
        self.locked: set[str] = set()

    def apply(self, events: Iterable[Event]) -> set[str]:
        """Take in changes of the store; the keys of the certificates among them."""
        changed: set[str] = set()
        for event in events:
            key = event.entry.key
            if not key.startswith(keys.CERTIFICATES):
                continue
            changed.add(key)
            if event.kind == "put":
                self._read(event.entry)
            else:
                self._forget(key)
        return changed

    def reset(self, entries: Mapping[str, Entry]) -> set[str]:
        """Take ``entries``, all there are, for what was known before; the keys that differ."""
        gone = self._entries.keys() - entries.keys()
        fresh = [
            entry
            for key, entry in entries.items()
            if key.startswith(keys.CERTIFICATES) and self._entries.get(key) != entry
        ]
        for key in gone:
            self._forget(key)
        for entry in fresh:
            self._read(entry)
        return gone | {entry.key for entry in fresh}

    def retry(self) -> None:
        """Read again what was no good: the file of keys may be another now."""
        for key in list(self.bad):
            self._read(self._entries[key])

    def _read(self, entry: Entry) -> None:
        self._forget(entry.key)
        self._entries[entry.key] = entry
        try:
            found = material(entry, self._keyring)
        except GrilleError as error:
            self.bad[entry.key] = shortened(error.message)
            if isinstance(error, Unavailable):
                self.locked.add(entry.key)
        else:
            if found is not None:
                self.materials[entry.key] = found

    def _forget(self, key: str) -> None:
        self._entries.pop(key, None)
        self.materials.pop(key, None)
        self.bad.pop(key, None)
        self.locked.discard(key)
