"""Whose a backend or a server is, in the words of users: service, variant, app, process type, host. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...codec import decode
from ...store import Entry
from ...wire import keys
from ...wire.errors import InvalidValue
from ...wire.specs import Instance

MARK = "~"  # what follows it in a variant's name tells it from the service's other variants


@dataclass(frozen=True)
class Subject:
    """A variant of a service, and the app and process type that its instances say. ``variant``: empty for the plain."""

    service: str
    variant: str = ""
    app: str = ""
    process: str = ""

    @property
    def labels(self) -> list[str]:
        """The values of the labels service, app, process, variant."""
        return [self.service, self.app, self.process, self.variant]


def split(name: str) -> tuple[str, str]:
    """The service, and what sets the variant called ``name`` apart: ``shop-web~h2c~c5`` → shop-web, h2c~c5."""
    service, _, variant = name.partition(MARK)
    return service, variant


class Directory:
    """Who is who by the store's entries; of a service without an instance, what its last one said."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, Instance | None]] = {}
        self._owners: dict[str, tuple[str, str]] = {}
        self._hosts: dict[tuple[str, str], str] = {}

    def learn(self, entries: Mapping[str, Entry], variants: Iterable[str]) -> None:
        """Take in what is there now. An entry is decoded once; what cannot be read is left out.

        Args:
            entries: those of ``keys.ROUTING``. variants: names of those in use; other services are forgotten.
        """
        wanted = {split(name)[0] for name in variants}
        fresh: dict[str, tuple[int, Instance | None]] = {}
        for key, entry in entries.items():
            if key.startswith(keys.SERVICES) and key.split("/")[1] in wanted:
                known = self._seen.get(key)
                fresh[key] = known if known and known[0] == entry.mod_revision else (entry.mod_revision, _read(entry))
        self._seen = fresh
        instances = [one for _, one in fresh.values() if one is not None]
        found = {one.service: (one.app, one.process) for one in instances}
        self._owners = {name: found.get(name) or self._owners.get(name, ("", "")) for name in wanted}
        self._hosts = {(one.service, one.id): one.host for one in instances}

    def subject(self, name: str) -> Subject:
        """Whose the variant called ``name`` is."""
        service, variant = split(name)
        return Subject(service, variant, *self._owners.get(service, ("", "")))

    def host(self, service: str, ident: str) -> str:
        """The host of an instance, empty when it is not known."""
        return self._hosts.get((service, ident), "")


def _read(entry: Entry) -> Instance | None:
    if entry.key.endswith("/.settings"):
        return None
    try:
        return decode(Instance, entry.value)
    except InvalidValue:
        return None
