"""The handlers of discoverd's HTTP interface: see docs/bricks/discoverd.md; ``table`` says which is called when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from aiohttp import web

from ..codec import encode
from ..service.http import json_body, not_found
from ..wire.errors import InvalidValue
from . import answers
from .connection import Connection
from .core import Core
from .held import Held
from .members import Registered
from .named import ident_of, service_of
from .openapi import document
from .query import Find, find_of, flag
from .records import registration, settings_change
from .seats import Seats
from .watch import Watch
from .watchers import ALL

JSON = {"Content-Type": "application/json; charset=utf-8"}


class Discoverd:
    """The handlers."""

    def __init__(self, core: Core) -> None:
        self._core, self._view = core, core.view
        self._seats, self._open = Seats(), set[Connection]()
        self._stop = asyncio.Event()

    async def services(self, request: web.Request) -> web.StreamResponse:
        """All services that have instances; with ``watch=1`` all their changes as events."""
        find = _find(request)
        fresh = self._view.freshness()
        if find.watch:
            return await self._watch(request, ALL, find)
        catalog = self._view.catalog
        found = [
            answers.Summary(
                name=name,
                instances=len(catalog.members(name)),
                leader=leader.id if (leader := catalog.leader(name)) else None,
            )
            for name in catalog.services()
            if not find.asks or catalog.members(name).select(find.filter)
        ]
        return _answer(answers.Services(services=found, **vars(fresh)))

    async def find(self, request: web.Request) -> web.StreamResponse:
        """The instances of a service that agree with the filter, the oldest first."""
        service, find = service_of(request), _find(request)
        self._view.freshness()
        if find.watch:
            return await self._watch(request, service, find)
        if find.wait:
            await self._wait(request, service, find)
        found = self._view.catalog.members(service).select(find.filter, find.near)
        return _joined(service, found, encode(self._view.freshness()))

    async def _wait(self, request: web.Request, service: str, find: Find) -> None:
        if find.after is not None and self._view.catalog.changed(service) > find.after:
            return
        with self._seat(request) as connection:
            await self._view.hub.change(service, find.wait, connection.closed)

    async def _watch(self, request: web.Request, service: str, find: Find) -> web.StreamResponse:
        last = request.headers.get("Last-Event-ID", "")
        seen = int(last) if last.isascii() and last.isdigit() and len(last) < 20 else 0
        with self._seat(request) as connection:
            response = await connection.open()
            await Watch(self._view, service, find.filter, connection).run(seen if last else None)
        return response

    async def instance(self, request: web.Request) -> web.StreamResponse:
        """One instance."""
        service, ident = service_of(request), ident_of(request)
        fresh = self._view.freshness()
        found = self._view.catalog.get(service, ident)
        if found is None:
            raise not_found("instance", ident)
        return _answer(answers.One(instance=found, **vars(fresh)))

    async def leader(self, request: web.Request) -> web.StreamResponse:
        """Who leads a service: its oldest instance, unless its settings say otherwise."""
        service = service_of(request)
        fresh = self._view.freshness()
        found = self._view.catalog.leader(service)
        if found is None:
            raise not_found("leader", service, "no instance of this service is registered that its rule lets lead")
        return _answer(answers.Leading(service=service, leader=found, **vars(fresh)))

    async def service(self, request: web.Request) -> web.StreamResponse:
        """A service: its settings, who leads, how many instances it has."""
        service, catalog = service_of(request), self._view.catalog
        fresh = self._view.freshness()
        told = answers.Service(
            service=service,
            settings=catalog.settings(service),
            revision=catalog.settings_revision(service),
            instances=len(catalog.members(service)),
            leader=catalog.leader(service),
            store_revision=fresh.revision,
            stale=fresh.stale,
            age=fresh.age,
        )
        return _answer(told)

    async def configure(self, request: web.Request) -> web.StreamResponse:
        """Set a service's metadata and its leader's rule; with ``expect``, only from that revision of its settings."""
        service = service_of(request)
        return _answer(await self._core.settings.change(service, settings_change(await json_body(request))))

    async def unconfigure(self, request: web.Request) -> web.StreamResponse:
        """Remove a service's settings; its instances stay."""
        revision = await self._core.settings.remove(service_of(request))
        return _answer(answers.Deleted(deleted=True, revision=revision, pending=False))

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Register an instance, or keep its registration for another ttl."""
        service, ident = service_of(request), ident_of(request)
        held = flag("hold", request["parameters"].get("hold", ""))
        wanted = registration(await json_body(request))
        if held:
            with self._seat(request) as connection:
                keeper = Held(self._core.registrations, self._core.registry, service, ident)
                return await keeper.run(connection, wanted, self._stop)
        done = await self._core.registrations.register(service, ident, wanted)
        pending = not done.lease
        told = answers.Registered(
            instance=done.instance,
            ttl=done.ttl,
            changed=pending or done.revision > 0,
            revision=done.revision,
            pending=pending,
        )
        return _answer(told, 202 if pending else 201 if done.new else 200)

    async def deregister(self, request: web.Request) -> web.StreamResponse:
        """Remove a registration."""
        revision = await self._core.registrations.deregister(service_of(request), ident_of(request))
        told = answers.Deleted(deleted=True, revision=revision, pending=not revision)
        return _answer(told, 200 if revision else 202)

    async def describe(self, request: web.Request) -> web.StreamResponse:
        """This description."""
        return _answer(document(request.app))

    @contextmanager
    def _seat(self, request: web.Request) -> Iterator[Connection]:
        with self._seats.one(request.remote), Connection(request) as connection:
            self._open.add(connection)
            try:
                yield connection
            finally:
                self._open.discard(connection)

    async def shutdown(self, app: web.Application) -> None:
        """End all that stays open."""
        self._stop.set()
        for connection in self._open:
            connection.end()


def _find(request: web.Request) -> Find:
    """The find that ``request`` asks for; raises InvalidValue when its parameters do not go together."""
    find = find_of(request["parameters"])
    if find.watch and (find.near or find.wait or find.after is not None):
        raise InvalidValue("watch does not go with near, wait and after", remedy="resume with Last-Event-ID")
    return replace(find, watch=False, wait=0.0) if request.method == "HEAD" else find


def _answer(record: object, status: int = 200) -> web.Response:
    return web.Response(body=encode(record), status=status, headers=JSON)


def _joined(service: str, found: Iterable[Registered], fresh: bytes) -> web.Response:
    """``answers.Found``, from instances that are encoded already."""
    bodies = b",".join([each.body for each in found])
    return web.Response(
        body=b'{"service":"%b","instances":[%b],%b' % (service.encode(), bodies, fresh[1:]), headers=JSON
    )
