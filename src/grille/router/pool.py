"""Pools: backends declared ahead, empty, because HAProxy 2.6 can add servers at run time but no backends.

What is fixed when HAProxy starts (mode, compression, idle timeout of TCP, balance) makes a class, with its own pool.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.routing import TCP_IDLE

WAIT = "_wait"  # the last server of each backend, used only while no other is; no instance can have this name

CHECKS = "check inter 2s fastinter 500ms downinter 1s fall 2 rise 1"
# Two failed connections in a row take a server out at once, without waiting for its next check.
PASSIVE = "observe layer4 error-limit 2 on-error mark-down"
# A dynamic server of 2.6 re-uses connections only when both of these are given.
REUSE = "pool-purge-delay 5s pool-max-conn -1"


@dataclass(frozen=True)
class PoolClass:
    """One kind of backend: its name (the start of its backends' names).

    Args:
        idle: seconds that a connection may be silent, of a class that carries bytes; 0: it carries HTTP.
        compress: answers are compressed.
    """

    name: str
    idle: int = 0
    compress: bool = False


CLASSES = {
    each.name: each
    for each in (
        PoolClass("http"),
        PoolClass("zip", compress=True),
        *(PoolClass(f"t{seconds}", idle=seconds) for seconds in TCP_IDLE),
    )
}


def backend_name(pool: str, number: int) -> str:
    """The name of the backend ``number`` of class ``pool``."""
    return f"{pool}-{number:05d}"


def class_of(backend: str) -> str:
    """The class that a backend's name tells."""
    return backend.rpartition("-")[0]


def server_options(*, h2c: bool, proxy: bool, concurrency: int, tcp: bool, weight: int) -> str:
    """The options of a server, besides its address (configuration manual of HAProxy, section 5.2)."""
    options = [CHECKS, PASSIVE, *[REUSE] * (not tcp)]
    options += ["proto h2"] * h2c + ["send-proxy-v2"] * proxy
    options += [f"maxconn {concurrency}"] * bool(concurrency)
    return " ".join([*options, f"weight {weight}"])
