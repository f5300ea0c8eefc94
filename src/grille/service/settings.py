"""Settings of a daemon: read once from GRILLE_* environment variables, each checked, each error naming its key."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..wire.errors import InvalidValue

T = TypeVar("T")


class Settings:
    """Typed reads of ``GRILLE_<NAME>``; precedence: the environment, then the default given."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def text(self, name: str, default: str | None = None) -> str:
        """A string; raises InvalidValue when it is missing and has no default."""
        value = self._environ.get(f"GRILLE_{name}", "") or default
        if value is None:
            raise InvalidValue(f"GRILLE_{name} is not set", remedy=f"set GRILLE_{name} in the brick's environment")
        return value

    def given(self, name: str, default: str) -> str:
        """A string that may be set to nothing: the default is for a variable that is not set at all."""
        return self._environ.get(f"GRILLE_{name}", default).strip()

    def number(self, name: str, default: float) -> float:
        """A number of at least zero."""
        return self._parsed(name, default, float, "a number")

    def integer(self, name: str, default: int) -> int:
        """An integer of at least zero."""
        return self._parsed(name, default, int, "a whole number")

    def words(self, name: str, default: str = "") -> list[str]:
        """A comma-separated list, blanks dropped."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def _parsed(self, name: str, default: T, kind: Callable[[str], T], says: str) -> T:
        raw = self._environ.get(f"GRILLE_{name}", "")
        if not raw:
            return default
        try:
            value = kind(raw)
        except ValueError:
            raise InvalidValue(f"GRILLE_{name} is {raw!r}", remedy=f"use {says}") from None
        if value < 0:  # type: ignore[operator]  # T is int or float here
            raise InvalidValue(f"GRILLE_{name} is {raw!r}", remedy=f"use {says} of at least zero")
        return value

    @property
    def host(self) -> str:
        """The name of the host that the daemon runs on (the inventory's, as a DNS label)."""
        return self.text("HOST")

    @property
    def address(self) -> str:
        """The address to listen on and to be reached at."""
        return self.text("ADDRESS", "127.0.0.1")

    @property
    def etcd(self) -> list[str]:
        """The client URLs of the etcd members."""
        return self.words("ETCD", "http://127.0.0.1:2379")

    @property
    def etcd_tls(self) -> tuple[str, str, str] | None:
        """Paths of the CA, the certificate and the key for etcd; None when it is reached without TLS."""
        paths = (self.text("ETCD_CA", ""), self.text("ETCD_CERT", ""), self.text("ETCD_KEY", ""))
        return paths if all(paths) else None

    @property
    def tokens(self) -> str:
        """The folder with one token file per role."""
        return self.text("TOKENS", "/etc/grille/tokens")
