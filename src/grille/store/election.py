"""Election: candidates follow one another, the oldest leads.

``fence`` goes into the checks of a leader's writes, so that one deposed without knowing it writes nothing.
"""

from __future__ import annotations

from ..wire import keys
from .candidate import Candidate
from .client import Store
from .protocol import Check


class Election:
    """One candidate of the election ``name``.

    Args:
        identity: names the candidate, the same after its restart: a key of its former life is replaced, so that
            a restarted leader need not outwait its own old lease.
        ttl: seconds after which a leader that died is replaced.
    """

    def __init__(self, store: Store, name: str, identity: str, *, ttl: float = 5.0) -> None:
        self._prefix = f"{keys.ELECTION}{name}/"
        self._candidate = Candidate(store, self._prefix, identity, identity.encode(), ttl=ttl)

    @property
    def leader(self) -> str:
        """The identity of the present leader, or an empty string."""
        first = self._candidate.first()
        return first.key[len(self._prefix) :] if first else ""

    def leads(self) -> bool:
        """Whether this candidate leads, by the store's order and its own lease's clock."""
        return self._candidate.is_first()

    def fence(self) -> Check:
        """The check that holds only while this candidate's key stands as it was when it was elected."""
        return self._candidate.fence()

    async def changed(self, timeout: float) -> None:
        """Wait for a change among the candidates, or ``timeout`` seconds."""
        await self._candidate.mirror.wait(self._candidate.mirror.revision, timeout)

    async def run(self) -> None:
        """Stand for election and follow it; resigns when cancelled."""
        await self._candidate.run()
