"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) under the grid's keys, one a line in a file: ``<id>:<base64>``.

A sealed secret is a token, ``g1.<key id>.<base64url of nonce, ciphertext and tag>``, bound to its variable's name.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..wire.errors import InvalidValue, Unavailable, Unprocessable

KEYS_FILE = "/etc/grille/config.keys"
VERSION = "g1"
NONCE, TAG = 12, 16  # bytes
LINE = re.compile(r"([a-z0-9]{1,32}):([A-Za-z0-9+/]{43}=)\Z")


def parse_keys(text: str, where: str) -> dict[str, bytes]:
    """The keys in a file's text, in its order.

    Raises:
        InvalidValue: naming the line that is wrong, never what is in it.
    """
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = LINE.match(line.strip())
        if found is None or found[1] in keys:
            raise InvalidValue(
                f"line {number} of {where} is no key of its own",
                remedy="one a line: an id of letters and digits, a colon, 32 bytes in base64",
                code="invalid_config_keys",
            )
        keys[found[1]] = base64.b64decode(found[2])
    return keys


def key_of(token: str) -> str:
    """The id of the key that ``token`` is sealed under; empty when it is no token."""
    version, _, rest = token.partition(".")
    return rest.partition(".")[0] if version == VERSION else ""


def plain_size(token: str) -> int:
    """The bytes of the secret in ``token``, told without opening it."""
    return max(0, len(token.rpartition(".")[2]) * 3 // 4 - NONCE - TAG)


class Keyring:
    """The keys in the file at ``path``, read again when it changes: the first one seals, all open."""

    def __init__(self, path: str = KEYS_FILE) -> None:
        self._path = Path(path)
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, bytes] = {}

    @property
    def first(self) -> str:
        """The id of the key that seals; raises Unavailable when there is none, InvalidValue for a file gone wrong."""
        for ident in self._read():
            return ident
        raise Unavailable(
            f"{self._path} on this host has no key to seal secrets with",
            remedy="run playbooks/site.yml, which makes one",
            code="no_config_key",
        )

    @property
    def ids(self) -> list[str]:
        """The ids of all keys, the one that seals first."""
        return list(self._read())

    def seal(self, name: str, secret: str) -> str:
        """The token of ``secret``, worth nothing under another name than ``name``; raises as ``first`` does."""
        ident, nonce = self.first, os.urandom(NONCE)
        sealed = AESGCM(self._keys[ident]).encrypt(nonce, secret.encode(), name.encode())
        return f"{VERSION}.{ident}.{base64.urlsafe_b64encode(nonce + sealed).decode().rstrip('=')}"

    def open(self, name: str, token: str) -> str:
        """The secret in ``token``.

        Raises:
            Unavailable: its key is not in the file (yet). Unprocessable: it is no token, or not that of ``name``.
        """
        keys, ident = self._read(), key_of(token)
        if ident and ident not in keys:
            raise Unavailable(
                f"secret {name} is sealed under key {ident!r}, which {self._path} on this host lacks:"
                " give it the grid's keys with playbooks/site.yml",
                code="unknown_config_key",
            )
        try:
            raw = base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")
            return AESGCM(keys[ident]).decrypt(raw[:NONCE], raw[NONCE:], name.encode()).decode()
        except (KeyError, ValueError, binascii.Error, InvalidTag):
            raise Unprocessable(
                f"secret {name} cannot be opened: it was changed, or sealed for another name: set it again",
                code="bad_secret",
            ) from None

    def holds(self, name: str, token: str, secret: str) -> bool:
        """Whether ``token`` is ``secret``; False when it cannot be told."""
        try:
            return self.open(name, token) == secret
        except (Unavailable, Unprocessable):
            return False

    def _read(self) -> dict[str, bytes]:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if stamp != self._stamp:
                self._keys = parse_keys(self._path.read_text(encoding="ascii"), str(self._path))
                self._stamp = stamp
        except (OSError, UnicodeDecodeError):
            self._keys, self._stamp = {}, None
        return self._keys
