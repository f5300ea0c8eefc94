"""What to answer to a conditional or ranged GET (RFC 9110, sections 13 and 14), decided from headers alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """The status, and which bytes go with it: ``count`` from ``start`` on."""

    status: int
    start: int = 0
    count: int = 0


def reply(headers: Mapping[str, str], tag: str, size: int) -> Reply:
    """The reply for an object of ``size`` bytes whose entity tag is ``tag`` (without quotes).

    Several ranges at once, and ranges that make no sense, are answered with the whole object, as the RFC allows.
    """
    if "If-Match" in headers and not _names(headers["If-Match"], tag):
        return Reply(412)
    if "If-None-Match" in headers and _names(headers["If-None-Match"], tag):
        return Reply(304)
    if "If-Range" in headers and headers["If-Range"].strip() != f'"{tag}"':
        return Reply(200, 0, size)
    return _ranged(headers.get("Range", ""), size)


def _names(tags: str, tag: str) -> bool:
    found = [word.strip().removeprefix("W/").strip('"') for word in tags.split(",")]
    return "*" in found or tag in found


def _ranged(text: str, size: int) -> Reply:
    match = _RANGE.match(text)
    first, last = match.groups() if match else ("", "")
    if not first and not last:
        return Reply(200, 0, size)
    start = int(first) if first else max(0, size - int(last))
    if start >= size:
        return Reply(416)
    end = min(int(last), size - 1) if first and last else size - 1
    return Reply(206, start, end - start + 1) if end >= start else Reply(200, 0, size)
