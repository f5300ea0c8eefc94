"""The document of ``GET /status``. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ..pool import class_of


def pools(backends: Iterable[str], used: Iterable[str]) -> dict[str, dict[str, int]]:
    """Backends used and free, by class."""
    there = set(backends)
    every = Counter(class_of(name) for name in there)
    taken = Counter(class_of(name) for name in set(used) & there)
    return {name: {"used": taken[name], "free": count - taken[name]} for name, count in sorted(every.items())}


def document(
    *,
    revision: int | None,
    pid: int,
    version: str,
    started: float,
    routes: int,
    services: Mapping[str, str],
    backends: Mapping[str, Mapping[str, object]],
    drains: Mapping[str, int],
    unplaced: Iterable[str],
    refused: Mapping[str, str],
    handovers: int = 0,
    handover: str = "",
    silent: Iterable[str] = (),
    followers: int = 0,
) -> dict[str, object]:
    """How the router is.

    Args:
        revision: that HAProxy reflects; None while HAProxy is away. started: when HAProxy did, seconds since the epoch.
        services: variant to backend. backends: backend to its servers, the placeholder among them.
        drains: sessions left, by server that leaves. unplaced: services without a backend for want of one.
        refused: key in the store to the reason why its record is left out.
        handovers: times that another HAProxy took over, and why it last did. silent: hosts that do not answer.
        followers: who follow the access log.
    """
    by_class = pools(backends, services.values())
    return {
        "connected": revision is not None,
        "revision": revision or 0,
        "pid": pid,
        "haproxy": version,
        "started": started,
        "routes": routes,
        "services": len(services),
        "servers": sum(len(servers) - 1 for servers in backends.values()),
        "backends": {
            "used": sum(each["used"] for each in by_class.values()),
            "free": sum(each["free"] for each in by_class.values()),
        },
        "pools": by_class,
        "drains": dict(drains),
        "unplaced": list(unplaced),
        "refused": dict(refused),
        "handovers": handovers,
        "handover": handover,
        "silent": sorted(silent),
        "followers": followers,
    }
