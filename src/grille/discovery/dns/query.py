"""What a packet asks (RFC 1035, 4.1; EDNS: RFC 6891), read by dnspython: pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import dns.message
import dns.name
from dns.exception import DNSException
from dns.flags import Flag
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType

HEADER = struct.Struct("!HHHHHH")
COUNTS = struct.Struct("!HHHH")
QR, KEPT = int(Flag.QR), int(Flag.RD | Flag.CD)
OPCODE = 0x7800
PLAIN = 512  # bytes that an answer over UDP may have without EDNS
PAYLOAD = 1232  # bytes that go unfragmented over any link; what we say, and the most that we send
LONGEST = 1232  # bytes of a query worth reading


class Malformed(Exception):
    """The packet is no query that can be answered; ``rcode`` says why. ``end``: behind the question, if it was read."""

    def __init__(self, rcode: Rcode, end: int = HEADER.size) -> None:
        super().__init__(rcode.name)
        self.rcode, self.end = rcode, end


@dataclass(frozen=True)
class Query:
    """One question. ``end`` is the offset behind it, ``kept`` the flags that the answer repeats (RD, CD).

    ``usual``: without EDNS options, so that the same packet may well come again.
    """

    name: dns.name.Name
    rdtype: RdataType
    rdclass: RdataClass
    end: int
    kept: int
    edns: bool
    payload: int
    usual: bool


def is_query(packet: bytes) -> bool:
    """Whether ``packet`` could be a query; an answer, or less than a header, is never answered."""
    return len(packet) >= HEADER.size and not packet[2] & (QR >> 8)


def read(packet: bytes) -> Query:
    """The query in ``packet``, for which ``is_query`` holds; raises Malformed."""
    _, flags, *counts = HEADER.unpack_from(packet)
    if len(packet) > LONGEST or counts[:3] != [1, 0, 0] or counts[3] > 1:
        raise Malformed(Rcode.FORMERR)
    if flags & OPCODE != Opcode.QUERY:
        raise Malformed(Rcode.NOTIMP)
    try:
        message = dns.message.from_wire(packet)
    except (DNSException, ValueError):
        raise Malformed(Rcode.FORMERR) from None
    return _query(packet, message, flags)


def _query(packet: bytes, message: dns.message.Message, flags: int) -> Query:
    question = message.question[0]
    written = question.name.to_wire() or b""
    if not packet.startswith(written, HEADER.size) or message.additional:
        raise Malformed(Rcode.FORMERR)
    end = HEADER.size + len(written) + 4
    if message.edns > 0:
        raise Malformed(Rcode.BADVERS, end)
    return Query(
        name=question.name,
        rdtype=question.rdtype,
        rdclass=question.rdclass,
        end=end,
        kept=flags & KEPT,
        edns=message.edns >= 0,
        payload=min(max(message.payload, PLAIN), PAYLOAD) if message.edns >= 0 else PLAIN,
        usual=not message.options,
    )


def refusal(packet: bytes, rcode: Rcode, *, end: int = HEADER.size, edns: bool = False) -> bytes:
    """An answer without records to a packet with at least a header.

    Args:
        end: the offset behind the question, when it is to be repeated.
    """
    flags = QR | (int.from_bytes(packet[2:4], "big") & (OPCODE | KEPT)) | (rcode & 15)
    edns = edns or rcode > 15
    counts = COUNTS.pack(int(end > HEADER.size), 0, 0, int(edns))
    return packet[:2] + flags.to_bytes(2, "big") + counts + packet[HEADER.size : end] + (opt(rcode) if edns else b"")


def opt(rcode: int = 0) -> bytes:
    """Our OPT record, with the upper bits of ``rcode``."""
    return struct.pack("!BHHIH", 0, RdataType.OPT, PAYLOAD, (rcode >> 4) << 24, 0)
