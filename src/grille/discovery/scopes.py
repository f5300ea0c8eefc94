"""Apps' configuration from the versions in the store, secrets opened."""

from __future__ import annotations

from dataclasses import dataclass

from ..codec import decode
from ..service.sealing import Keyring
from ..store import Entry, Event, Mirror
from ..wire import keys
from ..wire.configuration import APP_SCOPES, SHARED_SCOPES, ConfigVersion, merge


@dataclass(frozen=True)
class Configuration:
    """What an app's scopes make together. ``revision``: the store's at the newest change of any of them."""

    revision: int
    values: dict[str, str]
    versions: dict[str, int]


class Scopes:
    """The newest version of every scope, from a mirror of ``config/`` that must not have run yet."""

    def __init__(self, mirror: Mirror, keyring: Keyring) -> None:
        self.mirror, self._keyring = mirror, keyring
        self._newest: dict[str, tuple[int, Entry]] = {}
        mirror.listen(self._changed)

    def _changed(self, events: list[Event], revision: int) -> None:
        for event in events:
            named = keys.config_version(event.entry.key)
            if named is not None and event.kind == "put" and named[1] >= self._newest.get(named[0], (0,))[0]:
                self._newest[named[0]] = named[1], event.entry
            elif named is not None and event.kind == "delete" and named[1] == self._newest.get(named[0], (0,))[0]:
                self._find_newest(named[0])

    def _find_newest(self, scope: str) -> None:
        self._newest.pop(scope, None)
        for key, entry in self.mirror.entries.items():
            named = keys.config_version(key)
            if named is not None and named[0] == scope and named[1] > self._newest.get(scope, (0,))[0]:
                self._newest[scope] = named[1], entry

    def read(self, app: str) -> Configuration | None:
        """The configuration of ``app``; None when it has none. Raises as ``Keyring.open`` does."""
        own = self._newest.get(APP_SCOPES + app)
        if own is None:
            return None
        entries = [own[1]]
        mine = _decoded(own[1])
        entries += [found[1] for name in mine.shared if (found := self._newest.get(SHARED_SCOPES + name))]
        merged = merge([*map(_decoded, entries[1:]), mine])
        opened = {name: self._keyring.open(name, token) for name, token in merged.secrets.items()}
        revision = max(entry.mod_revision for entry in entries)
        return Configuration(revision, {**merged.values, **merged.live, **opened}, merged.versions)


def _decoded(entry: Entry) -> ConfigVersion:
    return decode(ConfigVersion, entry.value, what=entry.key)
