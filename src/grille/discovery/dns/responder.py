"""From a packet to its answer, or to what has to be asked elsewhere first: pure.

The way most queries take: a packet seen before, but for its ID and the case of its name, leads straight to the live
answer and to how it is to be framed. Only packets not seen before are parsed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from dns.flags import Flag
from dns.rcode import REFUSED, SERVFAIL
from dns.rdataclass import IN
from dns.rdatatype import AXFR, IXFR, MAILA, MAILB

from .answers import Answer
from .query import HEADER, Malformed, Query, is_query, opt, read, refusal
from .zone import Zone

FRAMES_MOST = 8192  # packets remembered; the oldest go first
STREAM_MOST = 65535  # bytes of an answer over TCP
NOT_OURS = frozenset({AXFR, IXFR, MAILA, MAILB})
OURS, TC = int(Flag.QR | Flag.AA | Flag.RA), int(Flag.TC)
HEAD = struct.Struct("!HHHHH")
OPT = opt()


@dataclass(frozen=True)
class Outside:
    """A query about a name that is not the grid's."""

    query: Query


@dataclass(frozen=True)
class Unresolved:
    """The answer needs the addresses of these host names first."""

    names: list[str]


@dataclass(frozen=True)
class Frame:
    """How a packet is answered: from which live answer, with which flags, in how many bytes, with which OPT record."""

    answer: Answer
    end: int
    flags: int
    room: int
    opt: bytes


class Responder:
    """Answers about one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._frames: dict[bytes, Frame] = {}

    def respond(self, packet: bytes, *, tcp: bool = False) -> bytes | Outside | Unresolved | None:
        """The answer to ``packet``; None: it gets none."""
        if tcp:
            return self._general(packet, b"")
        # The first zero byte lies in or ends the name, whose lengths are no letters: folding changes its case alone.
        end = packet.find(0, HEADER.size)
        key = packet[2 : HEADER.size] + packet[HEADER.size : end].lower() + packet[end:]
        frame = self._frames.get(key)
        return self._general(packet, key) if frame is None else self._framed(packet, frame)

    def _general(self, packet: bytes, key: bytes) -> bytes | Outside | Unresolved | None:
        if not is_query(packet):
            return None
        try:
            query = read(packet)
        except Malformed as error:
            return refusal(packet, error.rcode, end=error.end)
        if query.rdclass != IN:
            return refusal(packet, REFUSED, end=query.end, edns=query.edns)
        if not query.name.is_subdomain(self._zone.domain):
            return Outside(query)
        if query.rdtype in NOT_OURS or not self._zone.ready:
            rcode = SERVFAIL if query.rdtype not in NOT_OURS else REFUSED
            return refusal(packet, rcode, end=query.end, edns=query.edns)
        frame = self._frame(query, query.payload if key else STREAM_MOST)
        if key and query.usual:
            self._keep(key, frame)
        return self._framed(packet, frame)

    def _frame(self, query: Query, most: int) -> Frame:
        answer = self._zone.answer(query.name, query.rdtype)
        extra = OPT if query.edns else b""
        room, flags = most - query.end - len(extra), OURS | query.kept
        return Frame(answer, query.end, flags, room, extra)

    def _keep(self, key: bytes, frame: Frame) -> None:
        if len(self._frames) >= FRAMES_MOST:
            del self._frames[next(iter(self._frames))]
        self._frames[key] = frame

    def _framed(self, packet: bytes, frame: Frame) -> bytes | Unresolved:
        answer = frame.answer
        if answer.generation != self._zone.generation:
            self._zone.renew(answer)
            if answer.unknown:
                return Unresolved(answer.unknown)
        answers, authority, additional, truncated, data = answer.take(frame.room)
        flags = frame.flags | answer.rcode | (TC if truncated else 0)
        additional += 1 if frame.opt else 0
        head = HEAD.pack(flags, 1, answers, authority, additional)
        return b"".join((packet[:2], head, packet[HEADER.size : frame.end], data, frame.opt))
