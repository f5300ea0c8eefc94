"""The asynchronous client: one etcd member at a time, the next one when it does not answer in time."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from ..wire.errors import Conflict, NotFound, Unavailable
from . import protocol
from .protocol import Check, Delete, Entry, Listing, Protocol, Put, WatchLine
from .transport import REQUEST_TIMEOUT, Ambiguous, Transport


class Store:
    """The store. Keys are relative to ``root``; use as an asynchronous context manager, or ``close()`` it.

    Args:
        endpoints: the client URLs of the static member list.
        root: put before every key.
        timeout: seconds that a request has in all, members that keep silent included.
        tls: paths of the CA bundle, the certificate and its key, for https; None: plain. Renewed files are read
            again for new connections.
    Raises:
        InvalidValue: the files of ``tls`` cannot be used.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        root: str = "/grille/",
        timeout: float = REQUEST_TIMEOUT,
        tls: tuple[str, str, str] | None = None,
    ) -> None:
        self._transport = Transport(endpoints, timeout, tls)
        self._protocol = Protocol(root)

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def get(self, key: str) -> Entry | None:
        """The entry at ``key``, or None. Linearizable."""
        found = self._protocol.entries(await self._transport.ask(protocol.RANGE, self._protocol.range(key)))
        return found[0] if found else None

    async def list(self, prefix: str, end: str | None = None) -> Listing:
        """All entries that start with ``prefix`` (or lie between it and ``end``), at one revision."""
        start, stop = prefix, end or protocol.prefix_end(prefix)
        revision, entries = 0, dict[str, Entry]()
        while True:
            body = self._protocol.range(start, stop, limit=protocol.LIST_PAGE, revision=revision)
            answer = await self._transport.ask(protocol.RANGE, body)
            revision = revision or protocol.revision_of(answer)
            page = self._protocol.entries(answer)
            entries.update((entry.key, entry) for entry in page)
            if not answer.get("more") or not page:
                return Listing(revision, entries)
            start = page[-1].key + "\0"

    async def put(self, key: str, value: bytes, *, lease: int = 0, expect: int | None = None) -> int:
        """Write ``value``; the revision of the write.

        Args:
            lease: the lease that the key lives with; 0: it stays.
            expect: the mod_revision that the key must still have, 0: it must not exist; None: write anyway.
        Raises:
            Conflict: ``expect`` did not hold. Unavailable: as for ``transact``.
        """
        checks = [] if expect is None else [Check(key, expect)]
        return await self.transact(checks, [Put(key, value, lease)])

    async def delete(self, key: str, *, expect: int | None = None, prefix: bool = False) -> int:
        """Delete ``key`` (or all below it); the revision of the delete, 0 when there was nothing to delete.

        Raises:
            Conflict: ``expect`` did not hold. Unavailable: no answer; it may have been done, or may be done yet.
        """
        if expect is not None:
            return await self.transact([Check(key, expect)], [Delete(key, prefix)])
        body = self._protocol.range(key, protocol.prefix_end(key) if prefix else "")
        answer = await self._transport.tell(protocol.DELETE, body)
        return protocol.revision_of(answer) if int(answer.get("deleted", 0)) else 0

    async def transact(self, checks: Sequence[Check], writes: Sequence[Put | Delete]) -> int:
        """Do all ``writes`` if all ``checks`` hold; the revision.

        Raises:
            Conflict: a check did not hold, nothing was written.
            Unavailable: it reached no member; or it was sent, not answered, and a read could not tell that it was
            done (a put whose key is among ``checks`` holds the value written, at a newer revision: then it was, and
            its revision is returned). It may be done yet: read before trying again.
        """
        body = self._protocol.transaction(checks, writes)
        started = time.monotonic()
        try:
            return protocol.succeeded(await self._transport.tell(protocol.TXN, body))
        except Ambiguous as error:
            return await self._decide(checks, writes, error, self._transport.timeout - (time.monotonic() - started))

    async def _decide(
        self, checks: Sequence[Check], writes: Sequence[Put | Delete], error: Ambiguous, timeout: float
    ) -> int:
        """The revision of a write that was not answered, if a key tells that it was done; else raises ``error``."""
        guarded = protocol.guarded_put(checks, writes)
        if guarded is None or timeout <= 0:
            raise error
        check, put = guarded
        try:
            answer = await self._transport.ask(protocol.RANGE, self._protocol.range(put.key), timeout)
        except Unavailable:
            raise error from None
        for entry in self._protocol.entries(answer):
            if protocol.landed(check, put, entry):
                return entry.mod_revision
        raise error

    async def create(self, key: str, value: bytes, *, lease: int = 0) -> bool:
        """Write ``value`` if ``key`` does not exist; whether it was written."""
        try:
            await self.put(key, value, lease=lease, expect=0)
        except Conflict:
            return False
        return True

    async def grant(self, ttl: float) -> int:
        """A new lease of ``ttl`` seconds; its id."""
        ident = secrets.randbits(62) + 1  # chosen here, so that asking several members makes one lease
        with suppress(Conflict):  # another member made it
            await self._transport.ask(protocol.GRANT, {"TTL": str(max(1, round(ttl))), "ID": str(ident)})
        return ident

    async def keepalive(self, lease: int) -> float:
        """Refresh ``lease``; the seconds that it now has, 0 when it is gone."""
        answer = await self._transport.ask(protocol.KEEPALIVE, {"ID": str(lease)})
        return float(answer.get("result", answer).get("TTL", 0))

    async def remaining(self, lease: int) -> float:
        """The seconds that ``lease`` still has without a keepalive, 0 when it is gone."""
        try:
            answer = await self._transport.ask(protocol.TIMETOLIVE, {"ID": str(lease)})
        except NotFound:
            return 0.0
        return max(0.0, float(answer.get("TTL", 0)))

    async def revoke(self, lease: int) -> None:
        """End ``lease`` and delete its keys; a lease that is gone already is fine."""
        try:
            await self._transport.ask(protocol.REVOKE, {"ID": str(lease)})
        except NotFound:
            return

    async def revision(self) -> int:
        """The store's present revision, read linearizably: an answer proves a quorum."""
        return protocol.revision_of(await self._transport.ask(protocol.RANGE, self._protocol.range("\0")))

    async def watch(self, start: str, end: str, revision: int) -> AsyncGenerator[WatchLine, None]:
        """The lines of a watch on a range from ``revision`` on, until it fails; a sign of life each silent second.

        Raises:
            Unavailable: the member went silent, lost its quorum or the connection. The caller watches again.
        """
        member = self._transport.members.present
        body = self._protocol.watch(start, end, revision)
        async with aclosing(self._transport.stream(member, protocol.WATCH, body)) as lines:
            async for raw in lines:
                try:
                    line = self._protocol.watch_line(raw) if raw else WatchLine(0)
                    if line.canceled and not line.compacted:
                        raise Unavailable(f"etcd canceled a watch at {member.url}")
                except Unavailable:
                    self._transport.members.fail(member)
                    raise
                yield line
