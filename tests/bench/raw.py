"""The peer of the store's benchmarks: etcd's gateway spoken to plainly, with one list of endpoints.

What a client does that has the list and nothing of Grille: a request has 5 s at a member (as ``etcdctl`` has by
default), the next member is turned to when one fails, a watch that ends is opened again from the revision after.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

import aiohttp

from tests.support.etcd import Change

TIMEOUT = aiohttp.ClientTimeout(total=5)
FAILED = (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError)


class Raw:
    """A plain client of the gateway; keys are below ``/grille/``."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        self._endpoints, self._at = list(endpoints), 0
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), read_bufsize=1024 * 1024)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def ask(self, path: str, body: object, timeout: aiohttp.ClientTimeout = TIMEOUT) -> Any:
        """The answer to one request at the present member; one of FAILED else, and the next member is turned to."""
        at = self._at
        try:
            async with self._session.post(self._endpoints[at] + path, json=body, timeout=timeout) as answer:
                document = json.loads(await answer.read())
                if answer.status != 200 or "error" in document:
                    raise ValueError(document)
                return document
        except FAILED:
            if self._at == at:
                self._at = (at + 1) % len(self._endpoints)
            raise

    async def put(self, key: str, value: str, lease: str = "0") -> int:
        """Write; the revision."""
        body = {"key": encode(f"/grille/{key}"), "value": encode(value), "lease": lease}
        return int((await self.ask("/v3/kv/put", body))["header"]["revision"])

    async def watch(self, prefix: str, changes: list[Change]) -> None:
        """Append every change below ``prefix`` to ``changes``, without end."""
        span = {"key": encode(f"/grille/{prefix}"), "range_end": encode(f"/grille/{prefix[:-1]}0")}
        revision = 1
        while True:
            url = self._endpoints[self._at] + "/v3/watch"
            body = {"create_request": {**span, "start_revision": str(revision)}}
            try:
                async with self._session.post(url, json=body, timeout=aiohttp.ClientTimeout(total=None)) as answer:
                    async for line in _lines(answer.content):
                        changes += _changes(line)
                        revision = changes[-1][2] + 1 if changes else revision
            except FAILED:
                pass
            self._at = (self._at + 1) % len(self._endpoints)
            await asyncio.sleep(0.2)

    async def keep(self, ttl: int, lost: list[int]) -> None:
        """Keep a lease of ``ttl`` seconds, without end; one that was lost is noted in ``lost`` and made anew."""
        lease = 0
        while True:
            try:
                if not lease:
                    lease = int((await self.ask("/v3/lease/grant", {"TTL": str(ttl)}))["ID"])
                answer = await self.ask("/v3/lease/keepalive", {"ID": str(lease)})
                if "TTL" not in answer["result"]:
                    lost.append(lease)
                    lease = 0
                await asyncio.sleep(ttl / 3)
            except FAILED:
                await asyncio.sleep(0.5)


async def _lines(content: aiohttp.StreamReader) -> Any:
    buffer = b""
    while chunk := await content.readany():
        *lines, buffer = (buffer + chunk).split(b"\n")
        for line in lines:
            yield line


def _changes(line: bytes) -> list[Change]:
    events = json.loads(line)["result"].get("events", ())
    return [
        (
            "delete" if event.get("type") == "DELETE" else "put",
            base64.b64decode(event["kv"]["key"]).decode().removeprefix("/grille/"),
            int(event["kv"]["mod_revision"]),
        )
        for event in events
    ]


def encode(text: str) -> str:
    """base64 text of a key or value."""
    return base64.b64encode(text.encode()).decode()
