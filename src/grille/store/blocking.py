"""The synchronous client, for tools that run once: the same core over python-etcd's Client.

python-etcd as it comes speaks etcd's API v2, which is gone; its ``Client`` still gives what this needs: a connection
pool, TLS and authentication settings. Failover over the static member list is here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import etcd
import urllib3

from ..wire.errors import Unavailable
from . import protocol
from .client import REQUEST_TIMEOUT
from .protocol import Check, Delete, Entry, Listing, Protocol, Put


class BlockingStore:
    """The store, blocking. The same meaning as ``Store``'s methods of the same names.

    Args:
        endpoints: the client URLs of the static member list; all of one scheme.
        ca, cert: paths of a CA bundle and of a (certificate, key) pair, for https.
        timeout: seconds that one member has to answer.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        root: str = "/grille/",
        ca: str | None = None,
        cert: tuple[str, str] | None = None,
        timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        self._endpoints = [url.rstrip("/") for url in endpoints]
        members = [urlsplit(url) for url in self._endpoints]
        self._client = etcd.Client(
            host=tuple((member.hostname, member.port) for member in members),
            protocol=members[0].scheme,
            allow_reconnect=True,
            use_proxies=True,  # the list is static: never ask the members for another
            ca_cert=ca,
            cert=cert,
        )
        self._timeout = timeout
        self._protocol = Protocol(root)

    def get(self, key: str) -> Entry | None:
        """The entry at ``key``, or None."""
        found = self._protocol.entries(self._call(protocol.RANGE, self._protocol.range(key)))
        return found[0] if found else None

    def list(self, prefix: str) -> Listing:
        """All entries that start with ``prefix`` (all there are, when it is empty), at one revision."""
        start = self._protocol.root + prefix
        body = Protocol("").range(start, protocol.prefix_end(start))
        answer = self._call(protocol.RANGE, body)
        entries = {entry.key: entry for entry in self._protocol.entries(answer)}
        return Listing(protocol.revision_of(answer), entries)

    def put(self, key: str, value: bytes, *, expect: int | None = None) -> int:
        """Write ``value``, if ``key`` still has the mod_revision ``expect``; the revision. Raises Conflict."""
        checks = [] if expect is None else [Check(key, expect)]
        return self.transact(checks, [Put(key, value)])

    def transact(self, checks: Sequence[Check], writes: Sequence[Put | Delete]) -> int:
        """Do all ``writes`` if all ``checks`` hold; the revision. Raises Conflict."""
        return protocol.succeeded(self._call(protocol.TXN, self._protocol.transaction(checks, writes)))

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        last = ""
        for url in self._endpoints:
            try:
                return self._send(url + path, body)
            except urllib3.exceptions.NewConnectionError as error:
                last = str(error)
            except urllib3.exceptions.HTTPError as error:
                last = str(error)
                if path == protocol.TXN:
                    break  # it may have been written: the caller reads before it tries again
        raise Unavailable(f"the store does not answer: {last}", remedy="see that etcd runs: docker logs grille-etcd")

    def _send(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.http.urlopen(
            "POST",
            url,
            body=json.dumps(body),
            headers={**self._client._get_headers(), "Content-Type": "application/json"},
            timeout=self._timeout,
            retries=False,
        )
        document: dict[str, Any] = json.loads(answer.data)
        if answer.status != 200 or "error" in document:
            raise protocol.error_of(answer.status, document)
        return document
