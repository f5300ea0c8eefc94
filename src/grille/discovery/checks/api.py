"""The HTTP interface of things outside the grid: see docs/bricks/checks.md."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...service.http import Handler, answer, json_body, not_found
from ...store import Mirror, Store
from ...wire import keys
from ...wire.discovery import Outside
from ...wire.errors import Conflict, Unavailable
from ..named import ident_of, service_of
from ..routes import Route, add
from .answers import Checked, CheckedAll, CheckedOne, OutsideDeleted, OutsideRegistered
from .checker import Checker
from .records import OutsideBody, outside_of
from .registry import OutsideRegistry
from .standing import recorded


class OutsideApi:
    """The handlers around one mirror of ``outside/`` and the checks of this discoverd.

    Args:
        services, outside: mirrors that must not have run yet; the caller runs them, and ``checker.run``.
        here: the name of this host.
    """

    def __init__(self, store: Store, services: Mirror, outside: Mirror, here: str) -> None:
        self._services, self._outside = services, outside
        self._registry = OutsideRegistry(store, outside)
        self.checker = Checker(store, services, outside, here)

    async def everything(self, request: web.Request) -> web.StreamResponse:
        """All things outside the grid, with the states of their checks."""
        return self._list(keys.OUTSIDE)

    async def of_service(self, request: web.Request) -> web.StreamResponse:
        """A service's things outside the grid, with the states of their checks."""
        return self._list(f"{keys.OUTSIDE}{service_of(request)}/")

    async def one(self, request: web.Request) -> web.StreamResponse:
        """One thing outside the grid, with the state of its check."""
        service, ident = service_of(request), ident_of(request)
        fresh = self._fresh()
        record = self._records(keys.outside(service, ident)).get(keys.outside(service, ident))
        if record is None:
            raise not_found("outside registration", ident)
        return answer(CheckedOne(**self._known(record), **fresh))

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Register something outside the grid, to be checked from now on."""
        wanted = outside_of(service_of(request), ident_of(request), await json_body(request), 0.0)
        done = await self._registry.register(wanted)
        told = OutsideRegistered(**self._known(done.record), changed=done.changed, revision=done.revision)
        return answer(told, 201 if done.new else 200)

    async def deregister(self, request: web.Request) -> web.StreamResponse:
        """Remove the registration of something outside the grid, and its instance."""
        revision = await self._registry.deregister(service_of(request), ident_of(request))
        return answer(OutsideDeleted(deleted=True, revision=revision))

    def refuse_checked(self, service: str, ident: str) -> None:
        """Raise Conflict when the instance is one that a check puts in and takes out."""
        if keys.outside(service, ident) in self._outside.entries:
            raise Conflict(
                f"instance {ident!r} of {service!r} is registered with a check",
                remedy=f"use /services/{service}/outside/{ident}",
                code="instance_with_check",
            )

    def _list(self, prefix: str) -> web.StreamResponse:
        fresh = self._fresh()
        found = [Checked(**self._known(record)) for _, record in sorted(self._records(prefix).items())]
        return answer(CheckedAll(outside=found, **fresh))

    def _records(self, prefix: str) -> dict[str, Outside]:
        entries = self._outside.entries.items()
        found = {key: recorded(entry) for key, entry in entries if key.startswith(prefix)}
        return {key: record for key, record in found.items() if record is not None}

    def _known(self, record: Outside) -> dict[str, Any]:
        """``record`` and what is known of its check: all to the one who checks, to others if the instance is there."""
        service, ident = record.instance.service, record.instance.id
        key = keys.outside(service, ident)
        told: dict[str, Any] = {"outside": record, "checked_by": self.checker.owner(key)}
        if health := self.checker.health(key):
            return told | {"passing": health.passing, "since": health.since, "reason": health.reason}
        return told | {"passing": keys.instance(service, ident) in self._services.entries, "since": None, "reason": ""}

    def _fresh(self) -> dict[str, Any]:
        """How fresh the answer is; raises Unavailable before the store was ever read."""
        mirror = self._outside
        if not mirror.revision:
            raise Unavailable("discoverd has not reached the store yet", remedy="see that etcd runs; try again")
        return {"revision": mirror.revision, "stale": not mirror.connected, "age": round(mirror.age(), 3)}


def attach(app: web.Application, api: OutsideApi) -> None:
    """Add the calls of ``api`` to discoverd's application."""
    some, one = "/services/{service}/outside", "/services/{service}/outside/{id}"
    put = {200: OutsideRegistered, 201: OutsideRegistered}
    calls = [
        _route("GET", "/outside", api.everything, gives={200: CheckedAll}),
        _route("GET", some, api.of_service, gives={200: CheckedAll}),
        _route("GET", one, api.one, gives={200: CheckedOne}),
        _route("PUT", one, api.register, body=OutsideBody, gives=put),
        _route("DELETE", one, api.deregister, gives={200: OutsideDeleted}),
    ]
    add(app, calls)


def _route(method: str, path: str, handler: Handler, **more: Any) -> Route:
    role = "read" if method == "GET" else "deploy"
    return Route(method=method, path=path, role=role, handler=handler, says=handler.__doc__ or "", **more)
