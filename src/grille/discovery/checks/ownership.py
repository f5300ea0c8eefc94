"""Which discoverd checks which record: rendezvous hashing, the same answer wherever it is asked. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def owner(key: str, hosts: Iterable[str], here: str) -> str:
    """The host whose discoverd checks the record at ``key``; ``here`` when no host is known to have one.

    When a host comes or goes, only the records that it takes over, or leaves, change hands.
    """
    return max(hosts, key=lambda host: (_weight(key, host), host), default=here)


def fraction(key: str) -> float:
    """A number from 0 to below 1 that spreads keys evenly, the same at each call."""
    return int.from_bytes(_weight(key, "")[:4]) / 2**32


def _weight(key: str, host: str) -> bytes:
    return hashlib.blake2b(f"{host}\0{key}".encode(), digest_size=8).digest()
