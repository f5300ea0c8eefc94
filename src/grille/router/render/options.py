"""What the configuration depends on besides what was saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..saved import Saved

SOCKET = "haproxy.sock"


@dataclass(frozen=True)
class Options:
    """What the launcher found out or was told.

    Args:
        folder: where maps, pages, certificates and sockets are; the same path in HAProxy's container and the
            daemon's. HAProxy's user must be able to enter it.
        bind: addresses to listen on, ``*`` for all. http_port, https_port: 0 leaves one out.
        pools: backends to declare per class where what was saved does not say.
        fd_limit: file descriptors that HAProxy may use; it works out its own maxconn from them.
        user: whom to become after binding; empty: stay.
        tcp_ports: the first and the last port for TCP routes.
        proxies: addresses (CIDR) of load balancers that send the PROXY protocol.
        threads: 0: as many as there are processors.
        generation: tells this HAProxy's inner sockets from those of one before it that still runs.
    """

    folder: Path
    bind: tuple[str, ...] = ("*",)
    http_port: int = 80
    https_port: int = 443
    pools: tuple[tuple[str, int], ...] = (("http", 1000),)
    fd_limit: int = 20000
    user: str = ""
    tcp_ports: tuple[int, int] | None = None
    proxies: tuple[str, ...] = ()
    threads: int = 0
    generation: str = ""

    def path(self, name: str) -> str:
        """The path of a file in the folder."""
        return f"{self.folder}/{name}"

    def map(self, name: str) -> str:
        """The path of a map."""
        return self.path(f"{name}.map")

    def inner(self, name: str) -> str:
        """The path of a socket on which HAProxy is its own client."""
        return self.path(f"{name}{self.generation}.sock")

    def pool_sizes(self, saved: Saved) -> dict[str, int]:
        """Backends to declare per class."""
        return {**dict(self.pools), **saved.structure.pools}
