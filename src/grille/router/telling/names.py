"""Whose a backend or a server is, in the words of users: service, variant, app, process type, instance. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...wire.specs import Instance

VARIANT = "~"  # what follows it in a variant's name tells it from the service's other variants


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
    service, _, variant = name.partition(VARIANT)
    return service, variant


class Directory:
    """Remembers app and process type of each service, also while the service has no instance."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, str]] = {}
        self.hosts: dict[str, str] = {}

    def learn(self, services: Iterable[str], instances: Mapping[str, Instance]) -> None:
        """Take in what is there now; services that are gone are forgotten.

        Args:
            services: names of the variants in use. instances: by id.
        """
        found = {one.service: (one.app, one.process) for one in instances.values()}
        wanted = {split(name)[0] for name in services}
        self._owners = {name: found.get(name) or self._owners.get(name, ("", "")) for name in wanted}
        self.hosts = {ident: one.host for ident, one in instances.items()}

    def subject(self, name: str) -> Subject:
        """Whose the variant called ``name`` is."""
        service, variant = split(name)
        app, process = self._owners.get(service, ("", ""))
        return Subject(service, variant, app, process)
