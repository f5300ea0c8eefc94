"""The router's own records: what HAProxy should hold, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["ready", "drain", "maint"]


@dataclass(frozen=True)
class Endpoint:
    """Where a server listens: an IP address in its normal form, and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Service:
    """A service that some route names: the class of its backend, and its servers by instance id."""

    pool: str = "http"
    servers: dict[str, Endpoint] = field(default_factory=dict)


@dataclass(frozen=True)
class Desired:
    """What HAProxy should hold.

    Args:
        routes: ``host/path/`` to the service's name, for each route.
        services: each service that a route names, with servers or without.
        refused: key in the store to the reason why its record is left out.
    """

    routes: dict[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """A server as HAProxy holds it."""

    endpoint: Endpoint
    mode: Mode


@dataclass
class Actual:
    """What HAProxy holds: read from it, then kept in step by each action that it accepted.

    Args:
        pid: in its own container. started: seconds since the epoch, to a second.
        backends: backend to its servers by name, the placeholder among them.
        routes: the map of routes. services: the map of services to backends.
    """

    pid: int = 0
    version: str = ""
    started: float = 0.0
    backends: dict[str, dict[str, Server]] = field(default_factory=dict)
    routes: dict[str, str] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)
