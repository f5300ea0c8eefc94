"""What may be done to HAProxy, as data: the command lines of each action, and what it changes in ``Actual``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .model import Actual, Endpoint, MapName, Server, Wanted
from .pool import WAIT


class Action(Protocol):
    """One change. ``lines`` are sent in order; ``apply`` is called when HAProxy has accepted all of them."""

    def lines(self, folder: str) -> list[str]:
        """The commands; ``folder`` is where HAProxy's configuration says that the maps are."""

    def apply(self, actual: Actual) -> None:
        """Do the same to ``actual``."""


@dataclass(frozen=True)
class Add:
    """A new server, checked, taking traffic at once: its agent has just found it healthy. ``line``: as configured."""

    backend: str
    server: str
    wanted: Wanted
    line: str

    def lines(self, folder: str) -> list[str]:
        name = f"{self.backend}/{self.server}"
        return [f"add server {name} {self.line}", f"enable health {name}", f"enable server {name}"]

    def apply(self, actual: Actual) -> None:
        actual.backends[self.backend][self.server] = Server(self.wanted.endpoint, "ready", self.wanted.weight)


@dataclass(frozen=True)
class Move:
    """A server whose instance came back at another address."""

    backend: str
    server: str
    endpoint: Endpoint

    def lines(self, folder: str) -> list[str]:
        where = f"{self.endpoint.address} port {self.endpoint.port}"
        return [f"set server {self.backend}/{self.server} addr {where}"]

    def apply(self, actual: Actual) -> None:
        actual.backends[self.backend][self.server].endpoint = self.endpoint


@dataclass(frozen=True)
class Weigh:
    """A server's share of the requests beside the others'."""

    backend: str
    server: str
    weight: int

    def lines(self, folder: str) -> list[str]:
        return [f"set server {self.backend}/{self.server} weight {self.weight}"]

    def apply(self, actual: Actual) -> None:
        actual.backends[self.backend][self.server].weight = self.weight


@dataclass(frozen=True)
class Ready:
    """A server (or a placeholder) back in use."""

    backend: str
    server: str

    def lines(self, folder: str) -> list[str]:
        return [f"set server {self.backend}/{self.server} state ready"]

    def apply(self, actual: Actual) -> None:
        actual.backends[self.backend][self.server].mode = "ready"
        actual.leaving.discard((self.backend, self.server))


@dataclass(frozen=True)
class Drain:
    """A server (or a placeholder) that gets no new request, not of a client bound to it either; what it has goes on."""

    backend: str
    server: str

    def lines(self, folder: str) -> list[str]:
        return [f"set server {self.backend}/{self.server} state maint"]

    def apply(self, actual: Actual) -> None:
        actual.backends[self.backend][self.server].mode = "maint"
        if self.server != WAIT:
            actual.leaving.add((self.backend, self.server))


@dataclass(frozen=True)
class Remove:
    """A drained server deleted; HAProxy refuses while it has connections."""

    backend: str
    server: str

    def lines(self, folder: str) -> list[str]:
        return [f"del server {self.backend}/{self.server}"]

    def apply(self, actual: Actual) -> None:
        del actual.backends[self.backend][self.server]
        actual.leaving.discard((self.backend, self.server))


@dataclass(frozen=True)
class Down:
    """A server that HAProxy is to take for dead until its next check passes."""

    backend: str
    server: str

    def lines(self, folder: str) -> list[str]:
        return [f"set server {self.backend}/{self.server} health down"]

    def apply(self, actual: Actual) -> None:
        """Nothing: how servers are is HAProxy's affair."""


@dataclass(frozen=True)
class MapPut:
    """An entry of a map, new or changed."""

    name: MapName
    key: str
    value: str
    new: bool

    def lines(self, folder: str) -> list[str]:
        return [f"{'add' if self.new else 'set'} map {folder}/{self.name}.map {self.key} {self.value}"]

    def apply(self, actual: Actual) -> None:
        actual.maps[self.name][self.key] = self.value


@dataclass(frozen=True)
class MapDelete:
    """An entry of a map gone."""

    name: MapName
    key: str

    def lines(self, folder: str) -> list[str]:
        return [f"del map {folder}/{self.name}.map {self.key}"]

    def apply(self, actual: Actual) -> None:
        del actual.maps[self.name][self.key]
