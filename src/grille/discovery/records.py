"""What clients send: registrations and filters, checked."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..codec import convert
from ..wire.errors import InvalidValue
from ..wire.names import check_hostname, check_label
from ..wire.specs import Instance

TTL_DEFAULT = 10.0
TTL_LEAST, TTL_MOST = 2.0, 3600.0  # seconds; etcd gives no lease below two
METADATA_MOST = 64  # entries
NAME_MOST, VALUE_MOST = 64, 1024  # characters of a metadata entry


@dataclass(frozen=True, kw_only=True)
class Registration:
    """The body of a registration. ``ttl``: seconds that it lives without being put again."""

    address: str
    port: int
    protocol: str = "http"
    host: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    ttl: float = TTL_DEFAULT

    def instance(self, service: str, ident: str, created: float) -> Instance:
        """The record that goes into the store."""
        return Instance(
            id=ident,
            service=service,
            address=self.address,
            port=self.port,
            protocol=self.protocol,
            host=self.host,
            created=created,
            metadata=self.metadata,
        )


def registration(body: dict[str, Any]) -> Registration:
    """The registration in a request's body; raises InvalidValue naming the field and what would be right."""
    known = {each.name for each in fields(Registration)}
    unknown = sorted(body.keys() - known)
    if unknown:
        raise InvalidValue(f"unknown field {unknown[0]!r:.80}", remedy=f"use {', '.join(sorted(known))}")
    record = convert(Registration, body, what="the registration")
    _check_address(record.address)
    check_label("protocol", record.protocol)
    if record.host:
        check_label("host", record.host)
    if not 1 <= record.port <= 65535:
        raise InvalidValue(f"port {record.port} is not valid", remedy="use a port from 1 to 65535")
    if not TTL_LEAST <= record.ttl <= TTL_MOST:
        raise InvalidValue(f"ttl {record.ttl} is not valid", remedy=f"use {TTL_LEAST:g} to {TTL_MOST:g} seconds")
    _check_metadata(record.metadata)
    return record


def _check_address(address: str) -> None:
    try:
        unspecified = ipaddress.ip_address(address).is_unspecified
    except ValueError:
        check_hostname(address)
        return
    if unspecified:
        raise InvalidValue(f"address {address} cannot be reached", remedy="give the address that clients connect to")


def _check_metadata(metadata: dict[str, str]) -> None:
    if len(metadata) > METADATA_MOST:
        raise InvalidValue(f"{len(metadata)} metadata entries", remedy=f"use at most {METADATA_MOST}")
    for name, value in metadata.items():
        if not 0 < len(name) <= NAME_MOST or len(value) > VALUE_MOST or not name.isprintable():
            raise InvalidValue(
                f"metadata entry {name!r:.80} is not valid",
                remedy=f"use names of 1 to {NAME_MOST} characters and values of at most {VALUE_MOST}",
            )


@dataclass(frozen=True)
class Filter:
    """Which instances a client wants: those that agree with all that is given."""

    protocol: str = ""
    host: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def wants(self, instance: Instance | None) -> bool:
        """Whether ``instance`` is there and agrees."""
        return (
            instance is not None
            and self.protocol in ("", instance.protocol)
            and self.host in ("", instance.host)
            and all(instance.metadata.get(name) == value for name, value in self.metadata.items())
        )


def filter_of(query: Iterable[tuple[str, str]]) -> Filter:
    """The filter in a query's parameters (``watch`` is not one); raises InvalidValue for unknown ones."""
    plain: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in query:
        if name.startswith("meta.") and len(name) > len("meta."):
            metadata[name.removeprefix("meta.")] = value
        elif name in ("protocol", "host"):
            plain[name] = value
        elif name != "watch":
            raise InvalidValue(f"unknown parameter {name!r:.80}", remedy="use meta.<key>, protocol, host, watch")
    return Filter(plain.get("protocol", ""), plain.get("host", ""), metadata)


def flag(name: str, raw: str) -> bool:
    """The value of a query parameter that is 0 or 1; raises InvalidValue."""
    if raw not in ("", "0", "1"):
        raise InvalidValue(f"{name}={raw:.40} is not valid", remedy=f"use {name}=1 or leave it out")
    return raw == "1"
