"""Ports for tests, which several processes may run at a time."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from itertools import cycle

# Below what Linux gives to connections: none of them takes the port of a server that is away.
LOWEST, RANGES, BEYOND = 12000, 28000, 32000  # single ports, then ports in a row
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _own() -> Iterator[int]:
    """The ports of this process, again and again: no other worker takes them, and none comes back soon."""
    ports = list(range(LOWEST + WORKER, RANGES, WORKERS))
    start = random.SystemRandom().randrange(len(ports))
    return cycle(ports[start:] + ports[:start])


_ports = _own()


def free_port() -> int:
    """A port that nobody listens on, on no address, TCP or UDP; only this process gets it."""
    return next(port for port in _ports if _is_free(port))


def free_range(size: int) -> range:
    """``size`` ports in a row that nobody listens on; no other worker gets one of them."""
    share = (BEYOND - RANGES) // WORKERS
    while True:
        first = RANGES + share * WORKER + random.SystemRandom().randrange(share - size)
        if all(_is_free(port) for port in range(first, first + size)):
            return range(first, first + size)


def _is_free(port: int) -> bool:
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(type=kind) as probe:
                probe.bind(("", port))
    except OSError:
        return False
    return True
