"""What an object's path may be."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote

from ..wire.errors import InvalidValue

PATH_MAX = 1024  # bytes of UTF-8
SEGMENT_MAX = 255  # bytes, what file systems take for a name


def check_path(path: str) -> str:
    """``path`` if it may name an object: ``<top folder>/<name>``, deeper if wished; raises InvalidValue."""
    wrong = _fault(path)
    if wrong:
        raise InvalidValue(
            f"object path {path[:80]!r} {wrong}",
            remedy="use a path like sources/<name>: at least one folder, no empty, . or .. segment, plain characters",
            code="invalid_path",
        )
    return path


def decode_path(raw: str) -> str:
    """The checked object path in the percent-encoded ``raw`` of a URL; raises InvalidValue."""
    try:
        return check_path(unquote(raw, errors="strict"))
    except UnicodeDecodeError:
        raise InvalidValue(
            f"object path {raw[:80]!r} is not UTF-8", remedy="percent-encode UTF-8", code="invalid_path"
        ) from None


def _fault(path: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        return "has control characters"
    if len(path.encode()) > PATH_MAX:
        return f"is longer than {PATH_MAX} bytes"
    segments = path.split("/")
    if "" in segments:
        return "has an empty segment" if path else "is empty"
    if "." in segments or ".." in segments:
        return "has a . or .. segment"
    if any(len(segment.encode()) > SEGMENT_MAX for segment in segments):
        return f"has a segment longer than {SEGMENT_MAX} bytes"
    return "" if len(segments) > 1 else "has no folder"
