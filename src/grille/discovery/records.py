"""What clients send in bodies: registrations and settings of services, checked."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from ..codec import convert
from ..wire.discovery import LeaderRule
from ..wire.errors import InvalidValue
from ..wire.names import check_hostname, check_label
from ..wire.specs import Instance

T = TypeVar("T")
TTL_DEFAULT = 10.0
TTL_LEAST, TTL_MOST = 2.0, 3600.0  # seconds; etcd gives no lease below two
METADATA_MOST = 64  # entries
NAME_MOST, VALUE_MOST = 64, 1024  # characters of a metadata entry
METADATA_BYTES_MOST = 64 * 1024  # of all names and values together, in UTF-8


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


@dataclass(frozen=True, kw_only=True)
class SettingsChange:
    """The body of a change of a service's settings: what is None stays. ``expect``: their present mod_revision."""

    metadata: dict[str, str] | None = None
    leader: LeaderRule | None = None
    expect: int | None = None


def registration(body: dict[str, Any]) -> Registration:
    """The registration in a request's body; raises InvalidValue naming the field and what would be right."""
    record = _record(Registration, body, "the registration")
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


def settings_change(body: dict[str, Any]) -> SettingsChange:
    """The change of settings in a request's body; raises InvalidValue naming the field and what would be right."""
    _known(LeaderRule, body["leader"] if isinstance(body.get("leader"), dict) else {}, "leader.")
    change = _record(SettingsChange, body, "the settings")
    if change.metadata is not None:
        _check_metadata(change.metadata)
    if change.leader is not None:
        _check_rule(change.leader)
    if change.expect is not None and change.expect < 0:
        raise InvalidValue(f"expect {change.expect} is not valid", remedy="use the revision that a GET gave; 0: none")
    return change


def _record(cls: type[T], body: dict[str, Any], what: str) -> T:
    _known(cls, body)
    return convert(cls, body, what=what)


def _known(cls: type[Any], body: dict[str, Any], prefix: str = "") -> None:
    known = {each.name for each in fields(cls)}
    unknown = sorted(body.keys() - known)
    if unknown:
        raise InvalidValue(f"unknown field {prefix + unknown[0]!r:.80}", remedy=f"use {', '.join(sorted(known))}")


def _check_rule(rule: LeaderRule) -> None:
    needs = {"oldest": (), "manual": ("instance",), "metadata": ("key",)}[rule.mode]
    for name in ("instance", "key"):
        if bool(getattr(rule, name)) != (name in needs):
            says = f"give leader.{', leader.'.join(needs)}" if needs else "give nothing else"
            raise InvalidValue(f"leader.{name} does not fit mode {rule.mode!r}", remedy=f"with this mode, {says}")
    if rule.instance:
        check_label("instance id", rule.instance)
    if rule.value and rule.mode != "metadata":
        raise InvalidValue(f"leader.value does not fit mode {rule.mode!r}", remedy="use it with mode 'metadata'")
    _check_metadata({rule.key: rule.value} if rule.key else {})


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
    size = 0
    for name, value in metadata.items():
        if not 0 < len(name) <= NAME_MOST or len(value) > VALUE_MOST or not name.isprintable() or not _text(value):
            raise InvalidValue(
                f"metadata entry {name!r:.80} is not valid",
                remedy=f"use names of 1 to {NAME_MOST} printable characters and values of at most {VALUE_MOST}",
            )
        size += len(name.encode()) + len(value.encode())
    if size > METADATA_BYTES_MOST:
        raise InvalidValue(f"metadata of {size} bytes", remedy=f"use at most {METADATA_BYTES_MOST} bytes in all")


def _text(value: str) -> bool:
    """Whether ``value`` can be sent: JSON's escapes can name halves of characters."""
    return not any("\ud800" <= each <= "\udfff" for each in value)
