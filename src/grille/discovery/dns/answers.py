"""An answer that lives: the records of one name and type, taken in another order each time: pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from dns.rcode import NOERROR, Rcode
from dns.rdatatype import RdataType

from ...wire.specs import Instance
from .names import Place


class Piece(NamedTuple):
    """A record of the answer section, and what belongs to it in the additional one (empty: nothing)."""

    record: bytes
    extra: bytes = b""


class Body(NamedTuple):
    """Records that fit: the counts of the three sections, whether some of the answer did not fit, the bytes."""

    answers: int
    authority: int
    additional: int
    truncated: bool
    data: bytes


@dataclass
class Answer:
    """What a name and type are answered with; its zone keeps it up to date.

    ``near`` (on this host) comes before ``far``. It was made from ``members``, and last seen to hold at ``generation``;
    unless it ``lasts``, it is made again each time. ``unknown``: host names whose addresses have to be asked for first.
    """

    where: Place | None
    rdtype: RdataType
    authority: bytes
    members: list[Instance] | None = None
    generation: int = -1
    lasts: bool = True
    rcode: Rcode = NOERROR
    near: list[Piece] = field(default_factory=list)
    far: list[Piece] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    turn: int = 0

    def take(self, room: int) -> Body:
        """The next one's records, in at most ``room`` bytes; without any, the domain's SOA."""
        pieces = _turned(self.near, self.turn) + _turned(self.far, self.turn)
        if not pieces:
            return Body(0, 1, 0, False, self.authority)
        self.turn += 1
        extras = [piece.extra for piece in pieces if piece.extra]
        data = b"".join([piece.record for piece in pieces])
        more = b"".join(extras)
        if len(data) + len(more) <= room:
            return Body(len(pieces), 0, len(extras), False, data + more)
        return _fitted(pieces, room)


def _turned(pieces: list[Piece], turn: int) -> list[Piece]:
    if len(pieces) < 2:
        return pieces
    first = turn % len(pieces)
    return pieces[first:] + pieces[:first]


def _fitted(pieces: list[Piece], room: int) -> Body:
    """As many as fit. Additional records may be missing without a word, others not (RFC 2181, 9)."""
    records, room = _fit(pieces, room, lambda piece: piece.record)
    if len(records) < len(pieces):
        return Body(len(records), 0, 0, True, b"".join(records))
    extras, _ = _fit([piece for piece in pieces if piece.extra], room, lambda piece: piece.extra)
    return Body(len(records), 0, len(extras), False, b"".join(records + extras))


def _fit(pieces: list[Piece], room: int, part: Callable[[Piece], bytes]) -> tuple[list[bytes], int]:
    taken: list[bytes] = []
    for piece in pieces:
        data = part(piece)
        if len(data) > room:
            break
        taken.append(data)
        room -= len(data)
    return taken, room
