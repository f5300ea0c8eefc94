"""Garbage: old releases and configurations, objects in shelf that no record names; dropped by the leader."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any

import structlog

from ...store import Check, Delete
from ...wire import keys
from ...wire.errors import Conflict
from ..changes.config import old_versions
from ..context import Context
from ..records import Records

log = structlog.get_logger()
PERIOD = 300.0
KEEP_RELEASES = 10
YOUNG = 3600.0  # seconds for which an object that no record names may be on its way to be named
FOLDERS = ("slugs/", "sources/", "builds/", "caches/")


def old_releases(records: Records) -> list[tuple[str, int]]:
    """The releases to drop: all but each app's newest ten, the current one, and those that work still names."""
    used = {(spec.app, spec.release) for spec in records.specs.values()}
    used |= {(formation.app, formation.release) for formation in records.formations.values()}
    for ticket in records.deployments():
        if ticket.state in ("queued", "running"):
            used |= {(ticket.app, ticket.payload.get(name, 0)) for name in ("release", "previous")}
    versions: dict[str, list[int]] = defaultdict(list)
    for app, version in records.releases:
        versions[app].append(version)
    old = ((app, one) for app, known in versions.items() for one in sorted(known)[:-KEEP_RELEASES])
    return [release for release in old if release not in used]


def named_objects(records: Records) -> set[str]:
    """The objects that records name, or whose folders they name (those end in a slash)."""
    found: set[str] = set()
    for release in records.releases.values():
        found |= {f"slugs/{release.slug.digest}.squashfs"} if release.slug else set()
        found.add(f"sources/{release.source}.tar.gz")
    for spec in records.specs.values():
        found |= {f"slugs/{spec.slug.digest}.squashfs"} if spec.slug else set()
    for ticket in records.tickets.values():
        if ticket.queue == "builds":
            found |= _of_build(ticket.payload, ticket.result)
            found |= {f"builds/{ticket.id}/"} if ticket.state in ("queued", "running") else set()
            found.add(f"caches/{ticket.app}.tar.zst")
    return found | {f"caches/{app}.tar.zst" for app in records.apps}


def _of_build(payload: dict[str, Any], result: dict[str, Any]) -> set[str]:
    slug = result.get("slug")
    digest = slug.get("digest") if isinstance(slug, dict) else None
    return {f"sources/{payload.get('source')}.tar.gz"} | ({f"slugs/{digest}.squashfs"} if digest else set())


def garbage(item: dict[str, Any], named: set[str], now: float) -> bool:
    """Whether an object of shelf's listing is old enough to be sure, and named by nothing."""
    path = str(item["path"])
    folder = "/".join(path.split("/")[:2]) + "/"
    return now - float(item["modified"]) > YOUNG and path not in named and folder not in named


class Collector:
    """Drops garbage every few minutes, on the leader."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Loop for ever."""
        while True:
            await asyncio.sleep(PERIOD)
            if self._context.election.leads() and self._context.mirror.connected:
                await self.collect(time.time())

    async def collect(self, now: float) -> None:
        """One round. The objects are listed before the records are read: what is stored meanwhile is young."""
        await self._releases()
        await self._configs()
        listed = [item for folder in FOLDERS async for item in self._context.shelf.objects(folder)]
        named = named_objects(await self._context.fresh())
        for item in listed:
            if garbage(item, named, now):
                log.info("garbage", path=item["path"], size=item.get("size"))
                await self._context.shelf.delete(item["path"])

    async def _releases(self) -> None:
        records = self._context.records
        for app, version in old_releases(records):
            key, formation = keys.release(app, version), keys.formation(app)
            checks = [Check(one, records.revision(one)) for one in (key, formation)]
            try:
                await self._context.store.transact([self._context.election.fence(), *checks], [Delete(key)])
            except Conflict as error:
                log.info("old release kept for now", app=app, version=version, error=error.message)

    async def _configs(self) -> None:
        records = self._context.records
        for scope, version in old_versions(records):
            key = keys.config(scope, version)
            check = Check(key, records.revision(key))
            try:
                await self._context.store.transact([self._context.election.fence(), check], [Delete(key)])
            except Conflict as error:
                log.info("old configuration kept for now", scope=scope, version=version, error=error.message)
