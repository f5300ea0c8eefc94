"""The connections to etcd's members over aiohttp: single requests, streams of lines, and probes of silent members."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from typing import Any

import aiohttp

from ..wire.errors import GrilleError, Unavailable
from . import protocol
from .lines import Lines
from .members import Member, Members
from .tls import Credentials

SILENCE = 1.0  # seconds without a word from its member after which a watch has it probed
LOST = (aiohttp.ClientError, TimeoutError, OSError)
UNREACHED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)  # nothing was sent
Body = dict[str, Any]
Answer = dict[str, Any]


class Connections:
    """A pool of connections to ``members``.

    Args:
        patience: seconds for a connection to stand, and for a probe to be answered.
        tls: paths of the CA bundle, the certificate and its key; None: plain.
    """

    def __init__(self, members: Members, patience: float, tls: tuple[str, str, str] | None) -> None:
        self.members, self._patience = members, patience
        self._credentials = Credentials(tls) if tls else None
        self._opened: aiohttp.ClientSession | None = None
        self._probes: dict[Member, asyncio.Task[bool]] = {}

    async def close(self) -> None:
        """Close them."""
        probes = list(self._probes.values())
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def send(self, member: Member, path: str, body: Body, timeout: float) -> Answer:
        """One request at one member; raises one of LOST, or the error that the member answers."""
        limits = aiohttp.ClientTimeout(total=max(0.001, timeout), sock_connect=self._patience)
        async with self._post(member, path, body, limits) as answer:
            data = await answer.read()
            member.hear()
            try:
                document: Answer = json.loads(data)
            except ValueError:
                raise Unavailable(f"etcd at {member.url} answered {answer.status} with no JSON") from None
            if answer.status != 200 or "error" in document:
                raise protocol.error_of(answer.status, document)
            return document

    async def alive(self, member: Member, since: float) -> bool:
        """Whether ``member`` was heard since then (monotonic seconds), or answers a probe now.

        There is one probe of a member at a time, however many ask.
        """
        if member.heard >= since:
            return True
        probe = self._probes.get(member)
        if probe is None:
            probe = self._probes[member] = asyncio.create_task(self._probe(member))
            probe.add_done_callback(lambda _: self._probes.pop(member, None))
        return await asyncio.shield(probe)

    async def _probe(self, member: Member) -> bool:
        """A serializable read, which a member answers from its own memory: nothing goes through its log."""
        try:
            await self.send(member, protocol.RANGE, protocol.PROBE, self._patience)
        except LOST:
            self.members.fail(member)
            return False
        except GrilleError:
            pass  # an answer all the same
        return True

    async def stream(self, member: Member, path: str, body: Body) -> AsyncGenerator[bytes, None]:
        """The lines that ``member`` streams, and an empty one each second that it is alive and has nothing to say.

        Raises:
            Unavailable: the member went silent, or the connection was lost.
        """
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(2 * self._patience):
                    answer = await stack.enter_async_context(self._open(member, path, body))
                lines = await stack.enter_async_context(aclosing(self._lines(member, answer.content)))
                async for line in lines:
                    yield line
        except LOST as error:
            self.members.fail(member)
            raise Unavailable(f"etcd watch at {member.url} ended: {cause(error)}") from None
        self.members.fail(member)
        raise Unavailable(f"etcd watch at {member.url} was closed")

    def _open(self, member: Member, path: str, body: Body) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self._patience)
        # Without this header a member that lost its quorum says nothing of it.
        return self._post(member, path, body, limits, {"Grpc-Metadata-hasleader": "true"})

    async def _lines(self, member: Member, content: aiohttp.StreamReader) -> AsyncGenerator[bytes, None]:
        lines = Lines()
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    chunk = await content.readany()
            except TimeoutError:
                if not await self.alive(member, time.monotonic() - SILENCE):
                    raise TimeoutError(f"silent for {SILENCE:g} s, and no answer to a probe") from None
                yield b""
                continue
            if not chunk:
                return
            member.hear()
            for line in lines.feed(chunk):
                yield line

    def _post(
        self,
        member: Member,
        path: str,
        body: Body,
        limits: aiohttp.ClientTimeout,
        headers: dict[str, str] | None = None,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._opened is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            self._opened = aiohttp.ClientSession(connector=connector, read_bufsize=1024 * 1024)
        context = self._credentials.context() if self._credentials else True
        data = json.dumps(body).encode()
        return self._opened.post(member.url + path, data=data, headers=headers, timeout=limits, ssl=context)


def cause(error: BaseException) -> str:
    """What an error says, or its name when it says nothing."""
    return str(error) or type(error).__name__
