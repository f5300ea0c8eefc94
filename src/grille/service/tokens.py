"""Tokens of the APIs: three roles, one file each, compared in constant time, read again when a file changes."""

from __future__ import annotations

import hmac
from pathlib import Path

from ..wire.errors import Forbidden, Unauthorized

ROLES = ("read", "deploy", "admin")  # each may do what those before it may


class Tokens:
    """The tokens in ``folder``: the files ``read``, ``deploy`` and ``admin``.

    Args:
        folder: holds one file a role; a missing or empty file means that nobody has that role.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._cache: dict[str, tuple[int, str]] = {}

    def of(self, role: str) -> str:
        """The token of ``role``, or an empty string."""
        path = self._folder / role
        try:
            stamp = path.stat().st_mtime_ns
            if self._cache.get(role, (0, ""))[0] != stamp:
                self._cache[role] = (stamp, path.read_text(encoding="utf-8").strip())
        except OSError:
            self._cache.pop(role, None)
        return self._cache.get(role, (0, ""))[1]

    def check(self, header: str, needed: str) -> str:
        """The role that an Authorization header shows.

        Raises:
            Unauthorized: no bearer token, or one that nobody has.
            Forbidden: the token's role is below ``needed``.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized("no token was sent", remedy="send Authorization: Bearer with a token of this grid")
        role = self._role(token.strip())
        if role is None:
            raise Unauthorized("the token is not one of this grid's", remedy="use a token from /etc/grille/tokens/")
        if ROLES.index(role) < ROLES.index(needed):
            raise Forbidden(f"a {role} token may not do this", remedy=f"use a {needed} token")
        return role

    def _role(self, token: str) -> str | None:
        found = None
        for role in ROLES:  # every role is compared, so that time tells nothing
            known = self.of(role)
            if known and hmac.compare_digest(known.encode(), token.encode("utf-8", "replace")):
                found = role
        return found
