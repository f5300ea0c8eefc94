"""Pools: backends declared ahead, empty, because HAProxy 2.6 can add servers at run time but no backends.

What is fixed when HAProxy starts (mode, kind of check, balance, cookie) makes a class; each class has its pool.
"""

from __future__ import annotations

from dataclasses import dataclass

WAIT = "_wait"  # the placeholder server of each backend; no instance can have this name

# A dynamic server of 2.6 re-uses connections only when both pool-purge-delay and pool-max-conn are given.
SERVER_OPTIONS = "check inter 2s fastinter 500ms downinter 1s fall 2 rise 1 pool-purge-delay 5s pool-max-conn -1"
# Refuses at once, and is used only while no other server is: a request that meets it waits (HAProxy's pause
# between two tries) and is sent to the next server that comes, until its retries are used up.
WAIT_SERVER = f"server {WAIT} 127.0.0.1:1 backup"


@dataclass(frozen=True)
class PoolClass:
    """One kind of backend: its name (the start of its backends' names) and their directives."""

    name: str
    directives: tuple[str, ...] = ()


CLASSES = {"http": PoolClass("http", ("balance roundrobin",))}
CLASS_OF_PROTOCOL = {"http": "http"}


def backend_name(pool: str, number: int) -> str:
    """The name of the backend ``number`` of class ``pool``."""
    return f"{pool}-{number:05d}"


def class_of(backend: str) -> str:
    """The class that a backend's name tells."""
    return backend.rpartition("-")[0]


def server_options(*, h2c: bool, proxy: bool, concurrency: int, tcp: bool, weight: int) -> str:
    """The options of a server, besides its address."""
    options = [] if tcp else [SERVER_OPTIONS]
    options += ["proto h2"] * h2c + ["send-proxy-v2"] * proxy
    options += [f"maxconn {concurrency}"] * bool(concurrency)
    return " ".join([*options, f"weight {weight}"])
