"""Choosing hosts: spread each process over hosts, then even out load.

A host's rank for a process: fewest jobs of that process, then fewest jobs, then most memory available, then name.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from grille.wire.specs import HostStatus

Rank: TypeAlias = tuple[int, int, str]  # jobs, -memory available, name
LocalRank: TypeAlias = tuple[int, int, int, str]  # jobs of the process before that


class Placer:
    """Places jobs one process at a time, each in O((jobs of that process) log hosts).

    All hosts stand in one heap by rank. For one process, hosts that have jobs of it already are set aside as
    they surface; only when there is no other host left does the choice fall among them.
    """

    def __init__(self, hosts: Iterable[HostStatus], load: Mapping[str, int]) -> None:
        self._ranks: list[Rank] = [(load[host.host], -host.memory_available, host.host) for host in hosts]
        heapq.heapify(self._ranks)

    def place(self, number: int, present: Mapping[str, int]) -> list[str]:
        """Hosts for ``number`` new jobs of a process.

        Args:
            present: host -> jobs of the process that it has. Hosts that are not live may be in it.
        """
        aside: list[LocalRank] = []
        chosen: list[str] = []
        while len(chosen) < number and (self._ranks or aside):
            same, jobs, memory, host = self._next(present, aside)
            chosen.append(host)
            heapq.heappush(aside, (same + 1, jobs + 1, memory, host))
        for _, jobs, memory, host in aside:
            heapq.heappush(self._ranks, (jobs, memory, host))
        return chosen

    def _next(self, present: Mapping[str, int], aside: list[LocalRank]) -> LocalRank:
        """Take the best host out of the heaps."""
        while self._ranks:
            jobs, memory, host = heapq.heappop(self._ranks)
            if not present.get(host):
                return 0, jobs, memory, host
            heapq.heappush(aside, (present[host], jobs, memory, host))
        return heapq.heappop(aside)
