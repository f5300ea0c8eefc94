"""The synchronous client, for tools that run once: the same core over python-etcd's Client.

python-etcd as it comes speaks etcd's API v2, which is gone; its ``Client`` still gives what this needs: a connection
pool, TLS and authentication settings. Failover over the static member list is here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import etcd
import urllib3

from ..wire.errors import Unavailable
from . import protocol
from .protocol import Check, Delete, Entry, Listing, Protocol, Put
from .tls import Credentials
from .transport import REMEDY, REQUEST_TIMEOUT, SHARE, WRITE_SHARE, Ambiguous


class BlockingStore:
    """The store, blocking. The same meaning as ``Store``'s methods of the same names.

    Args:
        endpoints: the client URLs of the static member list; all of one scheme.
        timeout: seconds that a request has in all, members that keep silent included.
        tls: paths of the CA bundle, the certificate and its key, for https; each new connection reads them.
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
        if tls is not None:
            Credentials(tls)
        self._endpoints = [url.rstrip("/") for url in endpoints]
        members = [urlsplit(url) for url in self._endpoints]
        self._client = etcd.Client(
            host=tuple((member.hostname, member.port) for member in members),
            protocol=members[0].scheme,
            allow_reconnect=True,
            use_proxies=True,  # the list is static: never ask the members for another
            ca_cert=tls[0] if tls else None,
            cert=tls[1:] if tls else None,
        )
        self._timeout = timeout
        self._protocol = Protocol(root)

    def get(self, key: str) -> Entry | None:
        """The entry at ``key``, or None."""
        found = self._protocol.entries(self._ask(protocol.RANGE, self._protocol.range(key)))
        return found[0] if found else None

    def list(self, prefix: str) -> Listing:
        """All entries that start with ``prefix`` (all there are, when it is empty), at one revision."""
        start = self._protocol.root + prefix
        body = Protocol("").range(start, protocol.prefix_end(start))
        answer = self._ask(protocol.RANGE, body)
        entries = {entry.key: entry for entry in self._protocol.entries(answer)}
        return Listing(protocol.revision_of(answer), entries)

    def put(self, key: str, value: bytes, *, expect: int | None = None) -> int:
        """Write ``value``, if ``key`` still has the mod_revision ``expect``; the revision. Raises Conflict."""
        checks = [] if expect is None else [Check(key, expect)]
        return self.transact(checks, [Put(key, value)])

    def transact(self, checks: Sequence[Check], writes: Sequence[Put | Delete]) -> int:
        """Do all ``writes`` if all ``checks`` hold; the revision. Raises Conflict, Unavailable as ``Store`` does."""
        body = self._protocol.transaction(checks, writes)
        deadline = time.monotonic() + self._timeout
        try:
            return protocol.succeeded(self._tell(protocol.TXN, body, self._timeout * WRITE_SHARE))
        except Ambiguous as error:
            guarded = protocol.guarded_put(checks, writes)
            if guarded is None:
                raise
            check, put = guarded
            answer = self._ask(protocol.RANGE, self._protocol.range(put.key), deadline - time.monotonic())
            for entry in self._protocol.entries(answer):
                if protocol.landed(check, put, entry):
                    return entry.mod_revision
            raise error from None

    def _ask(self, path: str, body: dict[str, Any], timeout: float = 0.0) -> dict[str, Any]:
        """A read: the members that are left share the time that is left."""
        deadline = time.monotonic() + (timeout or self._timeout)
        last = ""
        for count, url in enumerate(self._endpoints):
            left = max(0.05, deadline - time.monotonic()) / (len(self._endpoints) - count)
            try:
                return self._send(url + path, body, left)
            except (urllib3.exceptions.HTTPError, Unavailable) as error:
                last = str(error)
        raise Unavailable(f"the store does not answer: {last}", remedy=REMEDY)

    def _tell(self, path: str, body: dict[str, Any], timeout: float) -> dict[str, Any]:
        """A write: to the next member only when it certainly did not reach this one."""
        deadline = time.monotonic() + timeout
        last = ""
        for url in self._endpoints:
            try:
                return self._send(url + path, body, max(0.05, deadline - time.monotonic()))
            except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
                last = str(error)
            except (urllib3.exceptions.HTTPError, Unavailable) as error:
                raise Ambiguous(str(error)) from None
        raise Unavailable(f"the store does not answer: {last}", remedy=REMEDY)

    def _send(self, url: str, body: dict[str, Any], timeout: float) -> dict[str, Any]:
        answer = self._client.http.urlopen(
            "POST",
            url,
            body=json.dumps(body),
            headers={**self._client._get_headers(), "Content-Type": "application/json"},
            timeout=urllib3.Timeout(connect=min(timeout, self._timeout * SHARE), read=timeout),
            retries=False,
        )
        document: dict[str, Any] = json.loads(answer.data)
        if answer.status != 200 or "error" in document:
            raise protocol.error_of(answer.status, document)
        return document
