# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of an app or of the grid as lines for people to read. Pure."""

from __future__ import annotations

import time
from typing import Any

from .grille.route_table import row, services
from .grille_instances import describe
from .grille_routes import from_api

Record = dict[str, Any]
TOLD = ("id", "app", "process", "weight", "targets", "redirect")  # of a route's row, said elsewhere or for machines


def table(rows: list[list[object]]) -> list[str]:
    """``rows`` as lines with aligned columns, two blanks apart."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return [line.rstrip() for line in lines]


def of_app(app: Record) -> list[str]:
    """One app: its address, then releases, scale, instances, routes."""
    name, current = app["app"]["name"], app.get("release") or {}
    head = f"{name}: release {current['version']}" if current else f"{name}: no release yet"
    return [
        f"{head}, {app['url']}" if app.get("url") else head,
        *_deployment(app.get("deployment")),
        *_part("releases", ["release", "made", "code", "env", "description"], map(_release, app["releases"])),
        *_part("scale", ["process", "count", "command"], _scales(app)),
        *_part("instances", ["id", "release", "host", "since", "restarts", "state"], map(_job, _running(app["jobs"]))),
        *of_routes(app["routes"]),
        *_routing(app.get("routing") or {}),
    ]


def of_grid(apps: list[Record], hosts: list[Record], queues: Record) -> list[str]:
    """The grid: apps, hosts, queues."""
    return [
        *_part("apps", ["app", "release", "instances up", "address"], map(_app, apps)),
        *_part("hosts", ["host", "address", "jobs", "load", "memory free", "disk free"], map(_host, hosts)),
        *_part("queues", ["queue", "limit", "queued", "running", "failed"], map(_queue, queues.items())),
    ]


def of_routes(routes: list[Record]) -> list[str]:
    """Routes: where they are, what they lead to, what else they do, what routers say."""
    return _part("routes", ["address", "leads to", "with", "routers"], map(_route, routes))


def _part(title: str, heads: list[object], rows: Any) -> list[str]:
    lines = list(rows)
    return [f"{title}:", *(f"  {line}" for line in table([heads, *lines]))] if lines else [f"{title}: none"]


def _deployment(ticket: Record | None) -> list[str]:
    if not ticket or ticket["state"] == "succeeded":
        return []
    why = f": {ticket['reason']}" if ticket.get("reason") else ""
    return [f"deployment of release {ticket['payload'].get('release')}: {ticket['state']}{why}"]


def _release(release: Record) -> list[object]:
    code = release["image"] or f"source {release['source'][:12] or '-'} ({release['buildpack'] or '-'})"
    mark = " *" if release.get("current") else ""
    names = ",".join(release["env"]) or "-"
    return [f"{release['version']}{mark}", when(release["created"]), code, names, release["description"]]


def _scales(app: Record) -> list[list[object]]:
    types, scales = (app.get("release") or {}).get("processes", {}), (app.get("formation") or {}).get("processes", {})
    return [[name, scales.get(name, {}).get("count", 0), types[name]["command"]] for name in sorted(types)]


def _job(job: Record) -> list[object]:
    return [job["id"], job["release"], job["host"], when(job["changed"]), job["restarts"], describe(job)]


def _running(jobs: list[Record]) -> list[Record]:
    """What serves, and the builds and one-off runs that have not ended."""
    return [job for job in jobs if job["kind"] == "service" or job["state"] not in ("exited", "failed")]


def _route(route: Record) -> list[object]:
    record = from_api(route)
    words = [_word(name, value) for name, value in row(record).items() if name not in TOLD]
    target = route["redirect"]["to"] if route["redirect"] else ", ".join(services(record))
    return [route["address"], target, ", ".join(words) or "-", _routers(route["status"])]


def _word(name: str, value: object) -> str:
    return name if value is True else f"{name}={value}"


def _routers(status: dict[str, str]) -> str:
    """What all routers say, or what some do."""
    words = sorted(set(status.values()))
    if len(words) < 2:
        return words[0] if words else "-"
    return "; ".join(f"{router}: {word}" for router, word in status.items() if word != "applied")


def _routing(routing: Record) -> list[str]:
    pages = [name for name in ("error_page", "maintenance_page") if routing.get(name)]
    own = [f"pages of its own: {', '.join(pages)}"] if pages else []
    return [*(["in maintenance: requests get a page, instances none"] if routing.get("maintenance") else []), *own]


def _app(app: Record) -> list[object]:
    return [app["name"], app["release"] or "-", f"{app['jobs']['up']} of {app['jobs']['all']}", app["url"] or "-"]


def _host(host: Record) -> list[object]:
    free = [_gigabytes(host["memory_available"]), _gigabytes(host["disk_free"] / 2**20)]
    return [host["host"], host["address"], host["jobs"], f"{host['load']:.2f}", *free]


def _queue(item: tuple[str, Record]) -> list[object]:
    name, queue = item
    return [name, queue["limit"], queue["queued"], queue["running"], queue["failed"]]


def _gigabytes(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB"


def when(seconds: float) -> str:
    """A moment in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
