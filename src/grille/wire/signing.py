"""Signed URLs: leave to do one thing to one object of shelf for a while, without a token.

The signature is an HMAC-SHA256 over method, path and expiry, in the manner of Swift's TempURL.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qs, quote, urlsplit


def _signature(key: bytes, method: str, path: str, expires: int) -> str:
    return hmac.new(key, f"{method}\n{path}\n{expires}".encode(), hashlib.sha256).hexdigest()


def sign(key: bytes, method: str, url: str, expires: float) -> str:
    """``url`` with ``expires`` and ``signature`` added.

    Args:
        key: the grid's shelf key.
        method: GET (which covers HEAD too), PUT or DELETE.
        url: absolute or not; its path is what is signed.
        expires: seconds since the epoch after which the URL is worth nothing.
    """
    at = int(expires)
    signature = _signature(key, method, urlsplit(url).path, at)
    return f"{url}?expires={at}&signature={quote(signature)}"


def verify(key: bytes, method: str, path: str, query: str, now: float) -> bool:
    """Whether ``query`` carries a signature that lets ``method`` be done to ``path`` at ``now``."""
    fields = parse_qs(query)
    expires, signature = fields.get("expires", [""])[0], fields.get("signature", [""])[0]
    if not (expires.isdigit() and len(expires) <= 12) or now > int(expires):
        return False
    wanted = _signature(key, "GET" if method == "HEAD" else method, path, int(expires))
    return hmac.compare_digest(wanted, signature)
