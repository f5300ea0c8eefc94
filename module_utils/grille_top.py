# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The busiest services as lines for people to read. Pure."""

from __future__ import annotations

from typing import Any

from .grille_report import table

HEADS: list[object] = [
    "service", "requests/s", "errors/s", "KiB/s", "open", "queue", "up", "p50 ms", "p90 ms", "p99 ms", "routes",
]  # fmt: skip


def of_top(found: dict[str, Any]) -> list[str]:
    """A table of what ``GET /top`` of the controller answered, and the routers that it is not of."""
    rows = [_row(one) for one in found["services"]]
    lines = table([HEADS, *rows]) if rows else ["no route leads to a running service"]
    silent = [f"without the routers that do not answer: {', '.join(found['missing'])}"] if found["missing"] else []
    return [*lines, *silent]


def _row(one: dict[str, Any]) -> list[object]:
    name = f"{one['service']}~{one['variant']}" if one["variant"] else one["service"]
    latency = [_ms(one["latency"].get(share)) for share in ("0.5", "0.9", "0.99")]
    routes = ", ".join(_address(key) for key in one["routes"]) + (f" and {one['more']} more" if one["more"] else "")
    counts = [one["sessions"], one["queue"], one["servers"]]
    return [name, f"{one['requests']:g}", f"{one['errors']:g}", f"{one['bytes'] / 1024:.1f}", *counts, *latency, routes]


def _address(key: str) -> str:
    """``host/`` as the host, ``host/path/`` as host and path."""
    return key.rstrip("/")


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f}"
