"""The settings of a service, changed by compare-and-swap."""

from __future__ import annotations

import structlog

from ..codec import decode, encode
from ..service.http import not_found
from ..store import Entry, Store
from ..wire import keys
from ..wire.discovery import ServiceSettings
from ..wire.errors import Conflict, InvalidValue
from .answers import Set
from .records import SettingsChange
from .registry import OWN_WRITE
from .view import View

log = structlog.get_logger()
TRIES = 3


class SettingsWriter:
    """Writes ``services/<service>/.settings``."""

    def __init__(self, store: Store, view: View) -> None:
        self._store, self._view = store, view

    async def change(self, service: str, change: SettingsChange) -> Set:
        """Make what ``change`` gives the settings, keep the rest; writes only what differs.

        Raises:
            Conflict: ``change.expect`` does not hold, or others keep changing them. Unavailable: no store.
        """
        key = keys.service_settings(service)
        for _ in range(TRIES):
            entry = await self._store.get(key)
            revision = entry.mod_revision if entry else 0
            if change.expect not in (None, revision):
                raise Conflict(
                    f"the settings of {service!r} are at revision {revision}, not {change.expect}",
                    remedy="read them again, then retry",
                )
            present = _present(service, entry)
            wanted = _changed(present, change)
            if entry and wanted == present:
                return Set(service=service, settings=present, revision=revision, changed=False)
            try:
                written = await self._store.put(key, encode(wanted), expect=revision)
            except Conflict:
                continue
            log.info("settings changed", service=service, revision=written)
            await self._view.mirror.wait(written - 1, OWN_WRITE)
            return Set(service=service, settings=wanted, revision=written, changed=True)
        raise Conflict(f"the settings of {service!r} are being changed by others", remedy="try again")

    async def remove(self, service: str) -> int:
        """Remove the settings; the revision. Raises NotFound when there are none."""
        revision = await self._store.delete(keys.service_settings(service))
        if not revision:
            raise not_found("settings", service)
        log.info("settings removed", service=service)
        await self._view.mirror.wait(revision - 1, OWN_WRITE)
        return revision


def _present(service: str, entry: Entry | None) -> ServiceSettings:
    try:
        return decode(ServiceSettings, entry.value) if entry else ServiceSettings(service=service)
    except InvalidValue:
        return ServiceSettings(service=service)


def _changed(present: ServiceSettings, change: SettingsChange) -> ServiceSettings:
    return ServiceSettings(
        service=present.service,
        leader=present.leader if change.leader is None else change.leader,
        metadata=present.metadata if change.metadata is None else change.metadata,
    )
