"""The router's own records: what HAProxy should hold, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .lead import Lead

Mode = Literal["ready", "maint"]
MapName = Literal["routes", "services", "tcp", "sni", "pages"]
MAPS: tuple[MapName, ...] = ("routes", "services", "tcp", "sni", "pages")
Address = tuple[MapName, str]  # a map, and a key in it
Name = tuple[str, str]  # a backend, and a server in it


@dataclass(frozen=True)
class Endpoint:
    """Where a server listens: an IP address in its normal form, and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Wanted:
    """A server as it should be. ``weight``: its share beside the others of its backend, 100 is usual."""

    endpoint: Endpoint
    weight: int = 100


@dataclass
class Slice:
    """The part of what HAProxy should hold that a plan is made for; all of it, or what changed.

    Args:
        variants: the servers of each, by instance id; None for a variant that no route leads to (any more).
        entries: what is at an address: where it leads to, a text (a page), or None for nothing.
    """

    variants: dict[str, dict[str, Wanted] | None] = field(default_factory=dict)
    entries: dict[Address, Lead | str | None] = field(default_factory=dict)


@dataclass
class Server:
    """A server as HAProxy holds it."""

    endpoint: Endpoint
    mode: Mode
    weight: int = 100


@dataclass
class Actual:
    """What HAProxy holds: read from it, then kept in step by each action that it accepted.

    Args:
        pid: in its own container. started: seconds since the epoch, to a second.
        backends: backend to its servers by name, the placeholder among them.
        maps: each map's entries.
        leaving: the servers that HAProxy holds but sends nothing to.
    """

    pid: int = 0
    version: str = ""
    started: float = 0.0
    backends: dict[str, dict[str, Server]] = field(default_factory=dict)
    maps: dict[MapName, dict[str, str]] = field(default_factory=lambda: {name: {} for name in MAPS})
    leaving: set[Name] = field(default_factory=set)

    @property
    def services(self) -> dict[str, str]:
        """The map of services: variant to backend."""
        return self.maps["services"]
