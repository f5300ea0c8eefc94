"""Variants: a service and how its instances are spoken to. Each variant in use has a backend of its own. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.routing import Route
from .pool import server_options

MARK = "~"  # in no service's name


@dataclass(frozen=True)
class Variant:
    """What is fixed for a backend or its servers when they are made.

    Args:
        pool: the class of its backend. leader: only the service's leader. h2c, proxy: how instances are spoken to.
        concurrency: requests at a time in one instance, 0 for no limit.
    """

    service: str
    pool: str = "http"
    leader: bool = False
    h2c: bool = False
    proxy: bool = False
    concurrency: int = 0

    @property
    def tcp(self) -> bool:
        """Whether its connections carry bytes, not requests."""
        return self.pool.startswith("t")

    @property
    def name(self) -> str:
        """The key in the map of services."""
        marks = [
            "leader" if self.leader else "",
            "h2c" if self.h2c else "",
            "proxy" if self.proxy else "",
            f"c{self.concurrency}" if self.concurrency else "",
            "" if self.pool == "http" else self.pool,
        ]
        return MARK.join([self.service, *filter(None, marks)])


def parse(name: str) -> Variant:
    """The variant of which ``name`` is the name."""
    service, *marks = name.split(MARK)
    pool, concurrency = "http", 0
    for mark in marks:
        if mark == "zip" or mark[:1] == "t":
            pool = mark
        elif mark[:1] == "c":
            concurrency = int(mark[1:])
    return Variant(service, pool, "leader" in marks, "h2c" in marks, "proxy" in marks, concurrency)


def variant_of(route: Route, service: str) -> Variant:
    """The variant of ``service`` that ``route`` leads to."""
    if route.kind != "http":
        pool = f"t{route.idle_timeout:.0f}"
        return Variant(service, pool, leader=route.leader, proxy=route.proxy_protocol)
    return Variant(
        service,
        "zip" if route.compress else "http",
        leader=route.leader,
        h2c=route.protocol == "h2c",
        proxy=route.proxy_protocol,
        concurrency=route.limits.concurrency,
    )


def server_line(kind: Variant, endpoint: str, weight: int) -> str:
    """What follows a server's name where it is added: its address, and how it is checked and spoken to."""
    options = server_options(h2c=kind.h2c, proxy=kind.proxy, concurrency=kind.concurrency, tcp=kind.tcp, weight=weight)
    return f"{endpoint} {options}"
