"""The domain as the catalog has it: live answers by name and type, renewed when the catalog moves: pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from typing import Protocol

import dns.name
from dns.rcode import NOERROR, NXDOMAIN
from dns.rdatatype import AAAA, ANY, NONE, SOA, SRV, A, RdataType

from ...wire.specs import Instance
from ..catalog import Catalog
from . import records
from .answers import Answer, Piece
from .names import Place, place

ANSWERS_MOST = 8192  # live answers kept; the oldest go first
INSTANCES_MOST = 256  # in one answer
TELLS = frozenset({A, AAAA, SRV, SOA, ANY})  # types that some name has records of


class Hosts(Protocol):
    """Knows the addresses of host names that instances have instead of an address."""

    def known(self, name: str) -> list[str] | None:
        """The addresses of ``name`` (empty: it has none), or None when they have to be asked for first."""


class Zone:
    """Answers about ``domain``.

    Args:
        host: the host that this runs on; instances there come first.
        hosts: for instances whose address is a host name.
    """

    def __init__(self, catalog: Catalog, domain: dns.name.Name, host: str, hosts: Hosts) -> None:
        self._catalog, self.domain, self._host, self._hosts = catalog, domain, host, hosts
        self._answers: dict[tuple[Place | None, RdataType], Answer] = {}
        self._authority = records.authority(domain)

    @property
    def ready(self) -> bool:
        """Whether the store, or a snapshot of it, was ever read."""
        return self._catalog.revision > 0

    @property
    def generation(self) -> int:
        """Changes whenever an answer could change."""
        return self._catalog.generation

    def answer(self, name: dns.name.Name, rdtype: RdataType) -> Answer:
        """The live answer for ``name``, which lies in the domain."""
        where = place(name.labels[: -len(self.domain.labels)])
        key = where, rdtype if rdtype in TELLS else NONE
        found = self._answers.get(key)
        if found is None:
            if len(self._answers) >= ANSWERS_MOST:
                del self._answers[next(iter(self._answers))]
            found = self._answers[key] = Answer(*key, self._authority)
        return found

    def renew(self, answer: Answer) -> None:
        """Make ``answer`` hold now; what has not changed is kept."""
        members = self._members(answer.where)
        if members != answer.members or not answer.lasts:
            self._fill(answer, members)
        answer.generation = self.generation if answer.lasts else -1

    def _members(self, where: Place | None) -> list[Instance]:
        """The instances that a name stands for."""
        if where is None or not where.service:
            return []
        if where.kind == "leader":
            leader = self._catalog.leader(where.service)
            return [leader] if leader else []
        if where.kind == "instance":
            one = self._catalog.get(where.service, where.part)
            return [one] if one else []
        found = self._catalog.instances(where.service)
        return [each for each in found if each.protocol == where.part] if where.kind == "protocol" else found

    def _fill(self, answer: Answer, members: list[Instance]) -> None:
        where, rdtype = answer.where, answer.rdtype
        there = bool(members) or (where is not None and where.kind in ("apex", "branch"))
        answer.members, answer.rcode = members, NOERROR if there else NXDOMAIN
        answer.lasts, answer.unknown, answer.near, answer.far = True, [], [], []
        if rdtype == ANY and there:
            answer.far = [Piece(records.minimal())]
        elif rdtype == SOA and where == Place("apex"):
            answer.far = [Piece(self._authority)]
        elif rdtype == SRV and where is not None and where.kind != "twig":
            self._fill_from(answer, self._servers)
        elif rdtype in (A, AAAA) and where is not None and where.kind in ("service", "leader", "instance"):
            answer.lasts = all(records.address(each.address) for each in members)
            answer.unknown = [each.address for each in members if self._addresses(each) is None]
            self._fill_from(answer, partial(self._hosts_of, rdtype))

    def _fill_from(self, answer: Answer, pieces: Callable[[Instance], Iterable[Piece]]) -> None:
        """Each piece once, whatever number of instances it stands for; in an order by chance."""
        near = [each for each in answer.members or () if each.host == self._host]
        far = [each for each in answer.members or () if each.host != self._host]
        near = random.sample(near, min(len(near), INSTANCES_MOST))
        far = random.sample(far, min(len(far), INSTANCES_MOST - len(near)))
        answer.near = list(dict.fromkeys(chain.from_iterable(map(pieces, near))))
        others = dict.fromkeys(chain.from_iterable(map(pieces, far)))
        answer.far = [piece for piece in others if piece not in answer.near]

    def _hosts_of(self, rdtype: RdataType, instance: Instance) -> list[Piece]:
        found = [records.address(each) for each in self._addresses(instance) or ()]
        return [Piece(records.record(records.QUESTION, *each)) for each in found if each and each[0] == rdtype]

    def _servers(self, instance: Instance) -> list[Piece]:
        address = records.address(instance.address)
        if address is None:
            target = records.name(instance.address, dns.name.root)
        else:
            target = records.name(f"{instance.id}.{instance.service}", self.domain)
        if target is None:
            return []
        extra = records.record(target, *address) if address else b""
        return [Piece(records.server(records.QUESTION, instance.port, target), extra)]

    def _addresses(self, instance: Instance) -> list[str] | None:
        address = instance.address
        return [address] if records.address(address) else self._hosts.known(address)
