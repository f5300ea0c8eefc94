"""The access log's lines: what HAProxy is told to write, and what a line says. Pure.

One line a request or connection, words parted by one blank, in the order of NAMES. No word holds a blank but the last.
What is not known is ``-`` (words) or ``-1`` (times). The meaning of each is in docs/bricks/router.md, "Access log".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

RING = "access"
RING_SIZE = 8 << 20  # bytes: what a reader may be behind
LONGEST = 4096  # bytes of a line: HAProxy keeps 1023 of a request's line, each at most three in the log

# name: what a frontend of HTTP writes, what one of TCP writes (configuration manual of HAProxy 2.6, section 8.2.6)
_FORMAT: Mapping[str, tuple[str, str]] = {
    "kind": ("http", "tcp"),
    "accepted": ("%Ts%ms", "%Ts%ms"),
    "handshake": ("%Th", "%Th"),
    "idle": ("%Ti", "0"),
    "receive": ("%TR", "-1"),
    "queue": ("%Tw", "%Tw"),
    "connect": ("%Tc", "%Tc"),
    "response": ("%Tr", "-1"),
    "total": ("%Ta", "%Tt"),
    "app": ("%[var(txn.route),field(2,|)]", "%[var(txn.route),field(2,|)]"),
    "backend": ("%b", "%b"),
    "server": ("%s", "%s"),
    "client": ("%ci", "%ci"),
    "port": ("%fp", "%fp"),
    "status": ("%ST", "-1"),
    "received": ("%U", "%U"),
    "sent": ("%B", "%B"),
    "state": ("%ts", "%ts"),
    "retries": ("%rc", "%rc"),
    "tls": ("%sslv", "-"),
    "version": ("%HV", "-"),
    "method": ("%HM", "-"),
    "id": ("%[capture.req.hdr(1)]", "-"),
    "uri": ("%HU", "-"),
    "host": ("%[capture.req.hdr(0)]", "%[var(txn.host)]"),
}
NAMES = tuple(_FORMAT)
HTTP = " ".join(http for http, _ in _FORMAT.values())
TCP = " ".join(tcp for _, tcp in _FORMAT.values())
_PORT = re.compile(r":[0-9]*\Z")
_ESCAPED = re.compile(r"#([0-9A-F]{2})")


def split(line: str) -> dict[str, str] | None:
    """The words of ``line`` by name, None for what is no whole line. ``host`` is as routes have it, without a port."""
    words = line.split(" ", len(NAMES) - 1)
    if len(words) != len(NAMES):
        return None
    words[-1] = _PORT.sub("", words[-1]).rstrip(".").lower()
    return dict(zip(NAMES, words, strict=True))


def target(uri: str) -> str:
    """Path and query of the word ``uri``: HAProxy writes bytes that could be mistaken as ``#`` and two digits."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), uri)
    if plain.startswith(("http://", "https://")):  # HTTP/2 names scheme and authority too
        return "/" + plain.split("/", 3)[3] if plain.count("/") > 2 else "/"
    return plain
