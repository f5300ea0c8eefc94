"""What a name below the domain stands for: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "apex",  # the domain itself
    "branch",  # nothing but names below it: _tcp.<domain>
    "service",
    "srv",  # _<service>._tcp.<domain>: RFC 2782's name of a service, SRV only
    "twig",  # _tcp.<service>.<domain>: there while the service is, nothing but names below it
    "protocol",  # _<protocol>._tcp.<service>.<domain>: SRV only
    "leader",
    "instance",
]


@dataclass(frozen=True)
class Place:
    """A name of the domain. ``part`` is the instance's id, or the protocol."""

    kind: Kind
    service: str = ""
    part: str = ""


def place(labels: tuple[bytes, ...]) -> Place | None:
    """What the labels before the domain stand for, in any case; None: no such name can exist."""
    match tuple(label.decode("latin-1").lower() for label in labels):
        case ():
            return Place("apex")
        case ("_tcp",):
            return Place("branch")
        case (service,):
            return Place("service", service)
        case (name, "_tcp"):
            return Place("srv", name[1:]) if name.startswith("_") else None
        case ("_tcp", service):
            return Place("twig", service)
        case ("leader", service):
            return Place("leader", service)
        case (ident, service):
            return Place("instance", service, ident)
        case (name, "_tcp", service):
            return Place("protocol", service, name[1:]) if name.startswith("_") else None
    return None
