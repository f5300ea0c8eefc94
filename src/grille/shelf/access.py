"""Who may do what: a token of the grid, or a signed URL for one method on one path."""

from __future__ import annotations

import time
from pathlib import Path

from aiohttp import web

from ..service.tokens import Tokens
from ..wire.errors import Unauthorized
from ..wire.signing import verify

SIGNED = ("GET", "HEAD", "PUT", "DELETE")  # what a signature can stand for: all of it is in method and path


class Access:
    """Checks requests.

    Args:
        tokens: the grid's tokens.
        key_file: holds the key of signed URLs; read at each use, so that it can be changed at any time.
    """

    def __init__(self, tokens: Tokens, key_file: str) -> None:
        self._tokens, self._key_file = tokens, Path(key_file)

    def check(self, request: web.Request, role: str) -> None:
        """Return if ``request`` shows a token of ``role`` or above, or carries a signature; raises Unauthorized."""
        if "Authorization" in request.headers or "signature" not in request.query:
            self._tokens.check(request.headers.get("Authorization", ""), role)
        elif not self._signed(request):
            raise Unauthorized(
                "the signature is not valid for this method and path, or it is out of date",
                remedy="ask for a new signed URL",
                code="bad_signature",
            )

    def _signed(self, request: web.Request) -> bool:
        try:
            key = self._key_file.read_bytes().strip()
        except OSError:
            return False
        url = request.rel_url
        allowed = request.method in SIGNED and bool(key)
        return allowed and verify(key, request.method, url.raw_path, url.raw_query_string, time.time())
