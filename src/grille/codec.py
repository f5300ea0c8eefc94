"""Records to and from JSON bytes, their types checked on the way, for daemons (msgspec reads the dataclasses)."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any, TypeVar

import msgspec

from .wire.errors import InvalidValue

T = TypeVar("T")
PLAIN = (str, int, float, type(None))


def filled(value: T) -> T:
    """``value`` with every default in the records themselves.

    msgspec leaves a plain default that was not in the data on the class, where its encoder does not see it.
    """
    if is_dataclass(value):
        own = vars(value)
        for name in value.__dataclass_fields__.keys() - own.keys():
            own[name] = getattr(value, name)
        for item in own.values():
            if not isinstance(item, PLAIN):
                filled(item)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            if not isinstance(item, PLAIN):
                filled(item)
    return value


def encode(record: object) -> bytes:
    """The JSON bytes of a record of ``wire.specs`` (or of any plain value)."""
    return msgspec.json.encode(record)


def decode(cls: type[T], data: bytes | str, *, what: str = "") -> T:
    """The record of type ``cls`` in ``data``.

    Args:
        what: names the thing in the error: a key, "the request body".
    Raises:
        InvalidValue: naming the field and the type that would be right.
    """
    try:
        return filled(msgspec.json.decode(data, type=cls))
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{what or cls.__name__}: {error}") from None


def convert(cls: type[T], value: object, *, what: str = "") -> T:
    """The record of type ``cls`` that plain ``value`` (dicts, lists, numbers) describes; raises InvalidValue."""
    try:
        return filled(msgspec.convert(value, type=cls))
    except msgspec.ValidationError as error:
        raise InvalidValue(f"{what or cls.__name__}: {error}") from None


def plain(record: object) -> Any:
    """``record`` as dicts and lists."""
    return msgspec.to_builtins(record)
