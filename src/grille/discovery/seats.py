"""How many clients may watch at once, in all and from one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ..wire.errors import GrilleError

IN_ALL = 10_000
PER_ADDRESS = 2_000


class TooMany(GrilleError):
    """No seat is free."""

    code = "too_many_watches"
    status = 429


class Seats:
    """Seats for connections that stay open: watches, long-polls, held registrations."""

    def __init__(self, in_all: int = IN_ALL, per_address: int = PER_ADDRESS) -> None:
        self._in_all, self._per_address = in_all, per_address
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, address: str | None) -> Iterator[None]:
        """A seat for a client at ``address`` while the block lasts; raises TooMany."""
        who = address or ""
        if self._taken.total() >= self._in_all:
            raise TooMany(f"{self._in_all} connections are open already", remedy="watch at another discoverd")
        if self._taken[who] >= self._per_address:
            raise TooMany(
                f"{who} has {self._per_address} connections open already", remedy="share one among its readers"
            )
        self._taken[who] += 1
        try:
            yield
        finally:
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]
