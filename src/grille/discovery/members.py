"""The instances of one service, kept in order and encoded once: pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from ..codec import encode
from ..wire.specs import Instance
from .query import Filter

Seniority = tuple[float, int, str]
_seniority = attrgetter("seniority")


@dataclass(frozen=True, slots=True)
class Registered:
    """An instance, when the store first saw it, and its JSON.

    ``seniority`` sorts the oldest first, in the same order for everybody who looks.
    """

    instance: Instance
    create_revision: int
    seniority: Seniority = field(init=False, compare=False)
    body: bytes = field(init=False, compare=False)

    def __post_init__(self) -> None:
        seniority = (self.instance.created, self.create_revision, self.instance.id)
        object.__setattr__(self, "seniority", seniority)
        object.__setattr__(self, "body", encode(self.instance))


class Members:
    """The instances of one service, the oldest first."""

    def __init__(self) -> None:
        self._by_id: dict[str, Registered] = {}
        self._order: list[Registered] = []

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Registered]:
        return iter(self._order)

    def get(self, ident: str) -> Registered | None:
        """The instance ``ident``, or None."""
        return self._by_id.get(ident)

    def set(self, ident: str, after: Registered | None) -> None:
        """Put ``after`` in the place of the instance ``ident``; None: take it out."""
        before = self._by_id.pop(ident, None)
        if before is not None:
            del self._order[bisect_left(self._order, before.seniority, key=_seniority)]
        if after is not None:
            self._by_id[ident] = after
            insort(self._order, after, key=_seniority)

    def select(self, wanted: Filter, near: str = "") -> list[Registered]:
        """Those that agree with ``wanted``, the oldest first; those on host ``near`` before all others."""
        found = self._order
        if wanted.protocol:
            found = [each for each in found if each.instance.protocol == wanted.protocol]
        if wanted.host:
            found = [each for each in found if each.instance.host == wanted.host]
        for name, value in wanted.metadata:
            found = [each for each in found if each.instance.metadata.get(name) == value]
        if near:
            close = [each for each in found if each.instance.host == near]
            return close + [each for each in found if each.instance.host != near]
        return list(found)
