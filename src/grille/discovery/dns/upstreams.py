"""Who answers for names outside the domain: given, or what resolv.conf(5) names, read again when it changes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...wire.errors import InvalidValue

RESOLV_CONF = Path("/etc/resolv.conf")
PORT = 53
WITH_PORT = re.compile(r"(?:\[([^]]+)\]|([^:]+)):([0-9]{1,5})")


class Endpoint(NamedTuple):
    """Where a DNS server listens; ``address`` is an IP address."""

    address: str
    port: int = PORT


def endpoint(text: str) -> Endpoint:
    """``address``, ``address:port`` or ``[address]:port``; raises InvalidValue."""
    split = WITH_PORT.fullmatch(text)
    host, port = (split[1] or split[2], split[3]) if split else (text, str(PORT))
    try:
        return Endpoint(str(ipaddress.ip_address(host)), _port(port))
    except ValueError:
        raise InvalidValue(
            f"GRILLE_DNS_FORWARD_TO names {text!r}", remedy="use IP addresses, 10.0.0.2 or 10.0.0.2:5353, or none"
        ) from None


def _port(text: str) -> int:
    if not 0 < int(text) < 65536:
        raise ValueError
    return int(text)


def nameservers(text: str) -> list[Endpoint]:
    """The servers that a resolv.conf names, leaving out what is no address."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                found.append(Endpoint(str(ipaddress.ip_address(words[1]))))
            except ValueError:
                continue
    return found


class Upstreams:
    """The servers to ask, never one of the grid's own: they would ask one another without end.

    Args:
        given: the servers; None: those of ``path``.
        own: the grid's own DNS servers, looked up each time.
    """

    def __init__(
        self, given: list[Endpoint] | None, own: Callable[[], set[Endpoint]], path: Path = RESOLV_CONF
    ) -> None:
        self._given, self._own, self._path = given, own, path
        self._read: list[Endpoint] = []
        self._stamp: tuple[int, int, int] | None = None

    def __call__(self) -> list[Endpoint]:
        """The servers to ask, in their order."""
        servers = self._from_file() if self._given is None else self._given
        own = self._own()
        return [each for each in servers if each not in own]

    def _from_file(self) -> list[Endpoint]:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._read = nameservers(self._path.read_text(encoding="utf-8", errors="replace"))
                self._stamp = stamp
        except OSError:
            self._read, self._stamp = [], None
        return self._read
