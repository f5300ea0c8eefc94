"""The asynchronous client: one etcd member at a time, the next one when it does not answer in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp

from ..wire.errors import Conflict, NotFound, Unavailable
from . import protocol
from .protocol import Check, Delete, Entry, Listing, Protocol, Put, WatchLine

REQUEST_TIMEOUT = 1.5  # seconds that one member has to answer before the next is asked
SILENCE = 20.0  # seconds without a line after which a watch probes its member
LINE_LIMIT = 64 * 1024 * 1024


class Store:
    """The store. Keys are relative to ``root``; use as an asynchronous context manager, or ``close()`` it.

    Args:
        endpoints: the client URLs of the static member list.
        root: put before every key.
        timeout: seconds that one member has to answer one request.
        tls: paths of the CA bundle, the certificate and its key, for https; None: plain.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        root: str = "/grille/",
        timeout: float = REQUEST_TIMEOUT,
        tls: tuple[str, str, str] | None = None,
    ) -> None:
        if not endpoints:
            raise ValueError("no etcd endpoints")
        self._endpoints = [url.rstrip("/") for url in endpoints]
        self._at = 0
        self._timeout, self._tls = timeout, tls
        self._protocol = Protocol(root)
        self._opened: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            self._opened = aiohttp.ClientSession(connector=connector, read_bufsize=1024 * 1024)
        return self._opened

    async def get(self, key: str) -> Entry | None:
        """The entry at ``key``, or None. Linearizable."""
        found = self._protocol.entries(await self._call(protocol.RANGE, self._protocol.range(key)))
        return found[0] if found else None

    async def list(self, prefix: str, end: str | None = None) -> Listing:
        """All entries that start with ``prefix`` (or lie between it and ``end``), at one revision."""
        start, stop = prefix, end or protocol.prefix_end(prefix)
        revision, entries = 0, dict[str, Entry]()
        while True:
            body = self._protocol.range(start, stop, limit=protocol.LIST_PAGE, revision=revision)
            answer = await self._call(protocol.RANGE, body)
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
            Conflict: ``expect`` did not hold. Unavailable: no member answered; read before trying again.
        """
        checks = [] if expect is None else [Check(key, expect)]
        return await self.transact(checks, [Put(key, value, lease)])

    async def delete(self, key: str, *, expect: int | None = None, prefix: bool = False) -> int:
        """Delete ``key`` (or all below it); the revision of the delete, 0 when there was nothing to delete."""
        if expect is not None:
            return await self.transact([Check(key, expect)], [Delete(key, prefix)])
        body = self._protocol.range(key, protocol.prefix_end(key) if prefix else "")
        answer = await self._call(protocol.DELETE, body)
        return protocol.revision_of(answer) if int(answer.get("deleted", 0)) else 0

    async def transact(self, checks: Sequence[Check], writes: Sequence[Put | Delete]) -> int:
        """Do all ``writes`` if all ``checks`` hold; the revision.

        Raises:
            Conflict: a check did not hold, nothing was written. Unavailable: as for ``put``.
        """
        body = self._protocol.transaction(checks, writes)
        # A write whose answer got lost is not sent to the next member when it is guarded by nothing.
        return protocol.succeeded(await self._call(protocol.TXN, body, once=True))

    async def create(self, key: str, value: bytes, *, lease: int = 0) -> bool:
        """Write ``value`` if ``key`` does not exist; whether it was written."""
        try:
            await self.put(key, value, lease=lease, expect=0)
        except Conflict:
            return False
        return True

    async def grant(self, ttl: float) -> int:
        """A new lease of ``ttl`` seconds; its id."""
        answer = await self._call(protocol.GRANT, {"TTL": str(max(1, round(ttl)))})
        return int(answer["ID"])

    async def keepalive(self, lease: int) -> float:
        """Refresh ``lease``; the seconds that it now has, 0 when it is gone."""
        answer = await self._call(protocol.KEEPALIVE, {"ID": str(lease)})
        return float(answer.get("result", answer).get("TTL", 0))

    async def revoke(self, lease: int) -> None:
        """End ``lease`` and delete its keys; a lease that is gone already is fine."""
        try:
            await self._call(protocol.REVOKE, {"ID": str(lease)})
        except NotFound:
            return

    async def revision(self) -> int:
        """The store's present revision, read linearizably: an answer proves a quorum."""
        return protocol.revision_of(await self._call(protocol.RANGE, self._protocol.range("\0")))

    async def watch(self, start: str, end: str, revision: int) -> AsyncIterator[WatchLine]:
        """The lines of a watch on a range from ``revision`` on, until it fails.

        Raises:
            Unavailable: the member went silent, lost its quorum or the connection. The caller watches again.
        """
        url = self._endpoints[self._at] + protocol.WATCH
        body = json.dumps(self._protocol.watch(start, end, revision)).encode()
        headers = {"Grpc-Metadata-hasleader": "true"}
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=limits) as answer:
                async for line in self._lines(answer.content):
                    yield self._protocol.watch_line(line)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._advance(url)
            raise Unavailable(f"etcd watch at {url} ended: {error or type(error).__name__}") from None
        self._advance(url)
        raise Unavailable(f"etcd watch at {url} was closed")

    async def _lines(self, content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
        """Whole lines of any length; a long silence is probed with a linearizable read."""
        buffer = bytearray()
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    chunk = await content.readany()
            except TimeoutError:
                await self.revision()
                continue
            if not chunk:
                return
            buffer += chunk
            if len(buffer) > LINE_LIMIT:
                raise Unavailable("etcd sent a watch line above 64 MiB")
            *lines, rest = bytes(buffer).split(b"\n") if b"\n" in chunk else (bytes(buffer),)
            if lines:
                buffer = bytearray(rest)
            for line in lines:
                if line.strip():
                    yield line

    async def _call(self, path: str, body: dict[str, Any], *, once: bool = False) -> dict[str, Any]:
        """One request, at one member after another until one answers.

        Args:
            once: a write: go on to the next member only when this one was certainly not reached.
        """
        last: Exception | None = None
        for _ in self._endpoints:
            url = self._endpoints[self._at]
            try:
                return await self._send(url + path, body)
            except aiohttp.ClientConnectorError as error:
                last = error
            except (aiohttp.ClientError, TimeoutError, OSError, Unavailable) as error:
                last = error
                if once:
                    self._advance(url)
                    break
            self._advance(url)
        detail = str(last) or type(last).__name__
        raise Unavailable(f"the store does not answer: {detail}", remedy="see that etcd runs: docker logs grille-etcd")

    async def _send(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        limits = aiohttp.ClientTimeout(total=self._timeout)
        async with self._session.post(url, data=json.dumps(body).encode(), timeout=limits) as answer:
            data = await answer.read()
            try:
                document: dict[str, Any] = json.loads(data)
            except ValueError:
                raise Unavailable(f"etcd at {url} answered {answer.status} with no JSON") from None
            if answer.status != 200 or "error" in document:
                raise protocol.error_of(answer.status, document)
            return document

    def _advance(self, url: str) -> None:
        """Turn to the next member, unless another task has done so already."""
        if url.startswith(self._endpoints[self._at]):
            self._at = (self._at + 1) % len(self._endpoints)
