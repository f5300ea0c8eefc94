"""The etcd v3 JSON gateway, without I/O: requests as dicts, answers and watch lines as records.

Source of the protocol: etcd's ``rpc.proto`` and its grpc-gateway rules: keys and values are base64, 64-bit
integers are strings, zero and false are left out, a watch answers one JSON object a line.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..wire.errors import Conflict, GrilleError, NotFound, Unavailable

RANGE = "/v3/kv/range"
PUT = "/v3/kv/put"
DELETE = "/v3/kv/deleterange"
TXN = "/v3/kv/txn"
WATCH = "/v3/watch"
GRANT = "/v3/lease/grant"
REVOKE = "/v3/lease/revoke"
KEEPALIVE = "/v3/lease/keepalive"
TIMETOLIVE = "/v3/lease/timetolive"
STATUS = "/v3/maintenance/status"

LIST_PAGE = 2000
_GRPC_NOT_FOUND = 5
_GRPC_PRECONDITION = 9
_GRPC_TRANSIENT = (4, 8, 10, 11, 13, 14)  # deadline, exhausted, aborted, out of range, internal, unavailable


@dataclass(frozen=True)
class Entry:
    """One key as the store holds it. Revisions are the store's; ``lease`` 0 means none."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int = 0


@dataclass(frozen=True)
class Listing:
    """All entries of a prefix at one revision."""

    revision: int
    entries: dict[str, Entry]


@dataclass(frozen=True)
class Event:
    """One change seen by a watch. A delete has an entry with an empty value and the revision of the delete."""

    kind: Literal["put", "delete"]
    entry: Entry


@dataclass(frozen=True)
class WatchLine:
    """One line of a watch stream. ``compacted`` > 0: the start revision is gone, list again.

    One with ``revision`` 0 and no events is a sign of life: the member has nothing to say, and is there.
    """

    revision: int
    events: list[Event] = field(default_factory=list)
    created: bool = False
    canceled: bool = False
    compacted: int = 0


@dataclass(frozen=True)
class Check:
    """A transaction's condition: ``key`` still has this mod_revision (0: does not exist)."""

    key: str
    mod_revision: int


@dataclass(frozen=True)
class Put:
    """A transaction's write."""

    key: str
    value: bytes
    lease: int = 0


@dataclass(frozen=True)
class Delete:
    """A transaction's delete of one key, or of all that start with it."""

    key: str
    prefix: bool = False


def encode(data: str | bytes) -> str:
    """base64 text of a key or value."""
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def prefix_end(prefix: str) -> str:
    """The first key after all that start with ``prefix`` (every key, if it is empty); prefixes here end in ASCII."""
    if not prefix:
        return "\x7f"
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class Protocol:
    """Builds requests and reads answers for keys below ``root``.

    Args:
        root: put before every key, like ``/grille/``.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def range(self, start: str, end: str = "", *, limit: int = 0, revision: int = 0) -> dict[str, Any]:
        """The body of a range request from ``start`` to ``end`` (exclusive), or of one key."""
        body: dict[str, Any] = {"key": encode(self.root + start)}
        if end:
            body["range_end"] = encode(self.root + end)
        if limit:
            body["limit"] = str(limit)
        if revision:
            body["revision"] = str(revision)
        return body

    def put(self, key: str, value: bytes, lease: int) -> dict[str, Any]:
        """The body of a put."""
        body: dict[str, Any] = {"key": encode(self.root + key), "value": encode(value)}
        if lease:
            body["lease"] = str(lease)
        return body

    def transaction(self, checks: Sequence[Check], writes: Sequence[Put | Delete]) -> dict[str, Any]:
        """The body of a transaction: all ``writes`` if all ``checks`` hold, else nothing."""
        return {
            "compare": [self._compare(check) for check in checks],
            "success": [self._operation(write) for write in writes],
        }

    def _compare(self, check: Check) -> dict[str, Any]:
        return {
            "key": encode(self.root + check.key),
            "target": "MOD",
            "result": "EQUAL",
            "mod_revision": str(check.mod_revision),
        }

    def _operation(self, write: Put | Delete) -> dict[str, Any]:
        if isinstance(write, Put):
            return {"request_put": self.put(write.key, write.value, write.lease)}
        end = prefix_end(write.key) if write.prefix else ""
        return {"request_delete_range": self.range(write.key, end)}

    def watch(self, start: str, end: str, revision: int) -> dict[str, Any]:
        """The body that opens a watch on a range from ``revision`` on, with signs of life asked for."""
        request = {**self.range(start, end), "start_revision": str(revision), "progress_notify": True}
        return {"create_request": request}

    def entry(self, raw: dict[str, Any]) -> Entry:
        """The entry in a key-value object."""
        return Entry(
            key=base64.b64decode(raw["key"]).decode()[len(self.root) :],
            value=base64.b64decode(raw.get("value", "")),
            create_revision=int(raw.get("create_revision", 0)),
            mod_revision=int(raw.get("mod_revision", 0)),
            version=int(raw.get("version", 0)),
            lease=int(raw.get("lease", 0)),
        )

    def entries(self, answer: dict[str, Any]) -> list[Entry]:
        """The entries in a range answer."""
        return [self.entry(raw) for raw in answer.get("kvs", ())]

    def watch_line(self, line: bytes) -> WatchLine:
        """One line of a watch stream; raises Unavailable for an error of the stream."""
        document = json.loads(line)
        if "result" not in document:
            raise error_of(503, document)
        result = document["result"]
        return WatchLine(
            revision=revision_of(result),
            events=[self._event(raw) for raw in result.get("events", ())],
            created=bool(result.get("created")),
            canceled=bool(result.get("canceled")),
            compacted=int(result.get("compact_revision", 0)),
        )

    def _event(self, raw: dict[str, Any]) -> Event:
        return Event("delete" if raw.get("type") == "DELETE" else "put", self.entry(raw["kv"]))


# A read that a member answers by itself, and that finds nothing.
PROBE = {"key": encode("\0"), "serializable": True, "keys_only": True, "limit": "1"}


def guarded_put(checks: Sequence[Check], writes: Sequence[Put | Delete]) -> tuple[Check, Put] | None:
    """The first put of a transaction whose key is checked too: by it one can tell later whether all was done."""
    guards = {check.key: check for check in checks}
    puts = [write for write in writes if isinstance(write, Put) and write.key in guards]
    return (guards[puts[0].key], puts[0]) if puts else None


def landed(check: Check, put: Put, entry: Entry | None) -> bool:
    """Whether ``entry``, read after a guarded put that was not answered, is what it wrote."""
    return (
        entry is not None
        and (entry.value, entry.lease) == (put.value, put.lease)
        and entry.mod_revision > check.mod_revision
        and (check.mod_revision > 0 or entry.version == 1)
    )


def revision_of(answer: dict[str, Any]) -> int:
    """The store's revision in an answer's header."""
    return int(answer.get("header", {}).get("revision", 0))


def succeeded(answer: dict[str, Any]) -> int:
    """The revision of a transaction; raises Conflict when a check did not hold."""
    if not answer.get("succeeded"):
        raise Conflict("the record was changed by somebody else meanwhile", remedy="read it again, then retry")
    return revision_of(answer)


def error_of(status: int, document: object) -> GrilleError:
    """The error in a gateway's answer; those that another member may not have are Unavailable."""
    raw = document.get("error", document) if isinstance(document, dict) else document
    details = raw if isinstance(raw, dict) else document if isinstance(document, dict) else {}
    code = int(details.get("code", details.get("grpc_code", 0)) or 0)
    text = details.get("message") or raw
    if code == _GRPC_NOT_FOUND:
        return NotFound(f"etcd: {text}")
    if code == _GRPC_PRECONDITION:
        return Conflict(f"etcd: {text}")
    if code in _GRPC_TRANSIENT or status >= 500:
        return Unavailable(f"etcd: {text}")
    return GrilleError(f"etcd: {text}", code="store")
