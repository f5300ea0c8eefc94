"""Which member is asked, for how long, and which one next.

A request has ``timeout`` seconds in all. One that may be repeated (``ask``) goes to the next member as well after a
third of it; a write (``tell``) goes to one member only, which is probed when it keeps silent. See
docs/decisions/007-store-outages.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from ..wire.errors import Unavailable
from .connections import LOST, UNREACHED, Answer, Body, Connections, cause
from .members import Member, Members

REQUEST_TIMEOUT = 1.5  # seconds that a request has in all
SHARE = 1 / 3  # of it, before the next member is asked as well, or a silent one is probed
WRITE_SHARE = 3 / 4  # of it, for a write; the rest is for reading what became of it
REMEDY = "see that etcd runs: docker logs grille-etcd"


class Ambiguous(Unavailable):
    """A write was sent and not answered: it may have been done, or may be done yet."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the store did not answer a write: {cause}", remedy="read before you write again")


class Transport:
    """Requests to the members of the static list, over which ``Store`` speaks.

    Args:
        endpoints: the client URLs of the static member list.
        timeout: seconds that a request has in all.
        tls: paths of the CA bundle, the certificate and its key; None: plain.
    """

    def __init__(self, endpoints: Sequence[str], timeout: float, tls: tuple[str, str, str] | None) -> None:
        self.members = Members(endpoints)
        self.timeout = timeout
        self._connections = Connections(self.members, timeout * SHARE, tls)

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def ask(self, path: str, body: Body, timeout: float = 0.0) -> Answer:
        """The answer to a request that does no harm when several members get it; the first one counts.

        Raises:
            Unavailable: no member answered within ``timeout`` seconds (0: as this transport was made).
        """
        asking = _Asking(self._connections, path, body, timeout or self.timeout)
        first = self.members.present
        try:
            for member in self.members.order():
                asking.at(member)
                if await asking.answered(timeout=(timeout or self.timeout) * SHARE):
                    break
            else:
                await asking.answered()
            if asking.winner is not first:
                self.members.fail(first)
            return asking.result()
        finally:
            await _cancel(*asking.tries)

    async def tell(self, path: str, body: Body) -> Answer:
        """The answer to a write, which goes to the next member only when it certainly did not reach this one.

        Raises:
            Ambiguous: it was sent and not answered. Unavailable: it reached no member.
        """
        deadline = time.monotonic() + self.timeout * WRITE_SHARE
        last = ""
        for member in self.members.order():
            try:
                return await self._patiently(member, path, body, deadline)
            except UNREACHED as error:
                last = cause(error)
                self.members.fail(member)
            except (*LOST, Unavailable) as error:
                self.members.fail(member)
                raise Ambiguous(cause(error)) from None
            if time.monotonic() >= deadline:
                break
        raise Unavailable(f"the store does not answer: {last}", remedy=REMEDY)

    async def _patiently(self, member: Member, path: str, body: Body, deadline: float) -> Answer:
        """One write at one member, given up early when the member is found to be frozen or cut off."""
        started = time.monotonic()
        sent = asyncio.create_task(self._connections.send(member, path, body, deadline - started))
        probe = asyncio.create_task(self._silent(member, started))
        try:
            await asyncio.wait({sent, probe}, return_when=asyncio.FIRST_COMPLETED)
            if not sent.done() and probe.result():
                raise TimeoutError(f"{member.url} is silent")
            return await sent
        finally:
            await _cancel(sent, probe)

    async def _silent(self, member: Member, since: float) -> bool:
        await asyncio.sleep(self.timeout * SHARE)
        return not await self._connections.alive(member, since)

    def stream(self, member: Member, path: str, body: Body) -> AsyncGenerator[bytes, None]:
        """The lines that ``member`` streams, as ``Connections.stream`` gives them."""
        return self._connections.stream(member, path, body)


class _Asking:
    """One request at several members at once, until one of them answers it."""

    def __init__(self, connections: Connections, path: str, body: Body, timeout: float) -> None:
        self._connections, self._path, self._body = connections, path, body
        self._deadline = time.monotonic() + timeout
        self.tries: dict[asyncio.Task[Answer], Member] = {}
        self.winner: Member | None = None
        self._done: asyncio.Task[Answer] | None = None
        self._last = f"silent for {timeout:g} s"

    def at(self, member: Member) -> None:
        """Ask ``member`` too."""
        left = self._deadline - time.monotonic()
        self.tries[asyncio.create_task(self._connections.send(member, self._path, self._body, left))] = member

    async def answered(self, timeout: float | None = None) -> bool:
        """Wait for an answer: ``timeout`` seconds, or until the deadline, or until all that were asked failed."""
        until = self._deadline if timeout is None else min(self._deadline, time.monotonic() + timeout)
        while self.tries and self._done is None and (left := until - time.monotonic()) > 0:
            done, _ = await asyncio.wait(self.tries, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._look(task)
            if timeout is not None and done:
                break  # one that failed is not waited for: the next member is asked at once
        return self._done is not None

    def _look(self, task: asyncio.Task[Answer]) -> None:
        member, error = self.tries.pop(task), task.exception()
        if isinstance(error, (*LOST, Unavailable)):
            self._last = cause(error)
            self._connections.members.fail(member)
        elif self._done is None:
            self._done, self.winner = task, member

    def result(self) -> Answer:
        """The answer. Raises Unavailable when there is none, and what the store says of a request that is wrong."""
        if self._done is None:
            raise Unavailable(f"the store does not answer: {self._last}", remedy=REMEDY)
        return self._done.result()


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
