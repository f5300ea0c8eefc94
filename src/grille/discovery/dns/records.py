"""Records as bytes (RFC 1035, 3.2.1; SRV: RFC 2782; the minimal answer to ANY: RFC 8482): pure.

No record refers to another one: owners are the question's name or written out. So they can be put in any order.
"""

from __future__ import annotations

import socket
import struct
from functools import lru_cache

import dns.name
from dns.exception import DNSException
from dns.rdataclass import IN
from dns.rdatatype import AAAA, HINFO, SOA, SRV, A, RdataType

QUESTION = b"\xc0\x0c"  # a pointer to the question's name
TTL = 0  # nobody keeps an answer: an instance that is gone is gone from DNS
NEGATIVE_TTL = 0
PRIORITY, WEIGHT = 0, 1  # of each server: the same


def record(owner: bytes, rdtype: RdataType, data: bytes) -> bytes:
    """One record; ``owner`` is a name as bytes."""
    return owner + struct.pack("!HHIH", rdtype, IN, TTL, len(data)) + data


@lru_cache(maxsize=16384)
def address(text: str) -> tuple[RdataType, bytes] | None:
    """``text`` as the type and data of an A or AAAA record; None when it is no IP address."""
    rdtype, family = (AAAA, socket.AF_INET6) if ":" in text else (A, socket.AF_INET)
    try:
        return rdtype, socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None


def name(text: str, below: dns.name.Name) -> bytes | None:
    """``text`` as a name below ``below``; None when it can be none."""
    try:
        return _wire(dns.name.from_text(text, below))
    except (DNSException, ValueError):
        return None


def server(owner: bytes, port: int, target: bytes) -> bytes:
    """An SRV record."""
    return record(owner, SRV, struct.pack("!HHH", PRIORITY, WEIGHT, port & 0xFFFF) + target)


def authority(domain: dns.name.Name) -> bytes:
    """The SOA record of ``domain``; nobody transfers the zone, so its serial may stay."""
    names = b"".join(_wire(dns.name.Name([label, *domain.labels])) for label in (b"dns", b"hostmaster"))
    return record(_wire(domain), SOA, names + struct.pack("!5I", 1, 3600, 600, 86400, NEGATIVE_TTL))


def minimal() -> bytes:
    """The answer to ANY at a name that exists."""
    return record(QUESTION, HINFO, b"\7RFC8482\0")


def _wire(absolute: dns.name.Name) -> bytes:
    return absolute.to_wire() or b""  # None only when it is written to a file
