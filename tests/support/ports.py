"""Ports that nobody listens on."""

from __future__ import annotations

import contextlib
import secrets
import socket


def free_range(size: int) -> range:
    """``size`` ports in a row that nobody listens on at this moment, below those that the kernel gives to clients."""
    while True:
        first = 20000 + secrets.randbelow(12000 - size)
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in range(first, first + size):
                probe = probes.enter_context(socket.socket())
                probe.bind(("127.0.0.1", port))
            return range(first, first + size)
