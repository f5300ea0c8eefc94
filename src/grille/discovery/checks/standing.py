"""What stands in the store for a record, and what has to be written so that it agrees with the checks. Pure."""

from __future__ import annotations

from ...codec import decode, encode
from ...store import Check, Delete, Entry, Put
from ...wire import keys
from ...wire.discovery import Outside
from ...wire.errors import InvalidValue
from ...wire.specs import Instance

Change = tuple[list[Check], list[Put | Delete]]


def recorded(entry: Entry | None) -> Outside | None:
    """The record in ``entry``; None when there is none."""
    try:
        return decode(Outside, entry.value, what=entry.key) if entry else None
    except InvalidValue:
        return None


def standing(entry: Entry | None) -> Instance | None:
    """The instance in ``entry``; None when there is none, or one that others keep."""
    if entry is None or held_by(entry):
        return None
    try:
        return decode(Instance, entry.value, what=entry.key)
    except InvalidValue:
        return None


def held_by(entry: Entry | None) -> str:
    """Who keeps the instance in ``entry``: ``job``, ``ttl`` (a registration with a lease); empty: nobody but checks."""
    if entry is None:
        return ""
    try:
        instance = decode(Instance, entry.value, what=entry.key)
    except InvalidValue:
        return ""
    return "job" if instance.app else ("ttl" if entry.lease else "")


def change(source: Entry, record: Outside, entry: Entry | None, passing: bool | None) -> Change | None:
    """The transaction that makes the store agree with ``passing``; None when nothing has to be written.

    Args:
        source: the entry of ``record``. entry: the one of its instance, if there is one.
    """
    if passing is None or held_by(entry):
        return None
    instance = record.instance
    key = keys.instance(instance.service, instance.id)
    checks = [Check(source.key, source.mod_revision), Check(key, entry.mod_revision if entry else 0)]
    if passing:
        return None if standing(entry) == instance else (checks, [Put(key, encode(instance))])
    return (checks, [Delete(key)]) if entry else None
