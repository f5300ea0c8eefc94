"""What clients send to have something outside the grid checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any

from ...codec import convert
from ...wire.discovery import Outside, OutsideCheck
from ...wire.errors import InvalidValue
from ..records import registration

INTERVAL_LEAST, INTERVAL_MOST = 0.5, 3600.0  # seconds
TIMEOUT_LEAST, TIMEOUT_MOST = 0.05, 60.0  # seconds
THRESHOLD_MOST = 10
PATH = re.compile(r"/[!-~]{0,1023}\Z")  # printable ASCII without blanks: what a request line can carry


@dataclass(frozen=True, kw_only=True)
class OutsideBody:
    """The body of a registration of something outside the grid."""

    address: str
    port: int
    protocol: str = "tcp"
    host: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    check: OutsideCheck = field(default_factory=OutsideCheck)


def outside_of(service: str, ident: str, body: dict[str, Any], created: float) -> Outside:
    """The record that a request's body describes; raises InvalidValue naming the field and what would be right."""
    _known(OutsideBody, body)
    if isinstance(check := body.get("check"), dict):
        _known(OutsideCheck, check, "check.")
    given = convert(OutsideBody, body, what="the registration")
    _check(given.check)
    own = {each.name: getattr(given, each.name) for each in fields(given) if each.name != "check"}
    return Outside(instance=registration(own).instance(service, ident, created), check=given.check)


def _check(check: OutsideCheck) -> None:
    _within("interval", check.interval, INTERVAL_LEAST, INTERVAL_MOST, " seconds")
    _within("timeout", check.timeout, TIMEOUT_LEAST, TIMEOUT_MOST, " seconds")
    _within("threshold", check.threshold, 1, THRESHOLD_MOST)
    if not PATH.match(check.path):
        raise InvalidValue(f"check.path {check.path!r:.80} is not valid", remedy="use a path like /health")


def _known(cls: type[Any], body: dict[str, Any], where: str = "") -> None:
    known = [each.name for each in fields(cls)]
    unknown = sorted(body.keys() - set(known))
    if unknown:
        raise InvalidValue(f"unknown field {where + unknown[0]!r:.80}", remedy=f"use {', '.join(known)}")


def _within(name: str, value: float, least: float, most: float, unit: str = "") -> None:
    if not least <= value <= most:
        raise InvalidValue(f"check.{name} {value:g} is not valid", remedy=f"use {least:g} to {most:g}{unit}")
