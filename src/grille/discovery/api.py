"""Discoverd's HTTP interface: see docs/bricks/discoverd.md."""

from __future__ import annotations

from aiohttp import web

from ..service.http import answer, application, event_stream, json_body, needs, not_found
from ..service.tokens import Tokens
from ..store import Event, Mirror, Store
from ..wire.errors import Unavailable
from ..wire.names import check_label
from .catalog import Catalog
from .records import filter_of, flag, registration
from .registry import Registry
from .watchers import Hub, Watcher

BODY_MOST = 256 * 1024


class Discoverd:
    """The handlers around one mirror of ``services/``."""

    def __init__(self, store: Store, mirror: Mirror) -> None:
        self._mirror = mirror
        self._registry = Registry(store, mirror)
        self._catalog, self._hub = Catalog(), Hub()
        mirror.listen(self._changed)

    def _changed(self, events: list[Event], revision: int) -> None:
        self._hub.publish(self._catalog.apply(events, revision))

    async def services(self, request: web.Request) -> web.StreamResponse:
        """All services that have instances."""
        freshness = self._freshness()
        found = [
            {"name": name, "instances": len(instances), "leader": instances[0].id}
            for name in self._catalog.services()
            if (instances := self._catalog.instances(name))
        ]
        return answer({"services": found, **freshness})

    async def find(self, request: web.Request) -> web.StreamResponse:
        """The instances of a service that agree with the filter, the oldest first; with ``watch=1`` as events."""
        service, wanted = _service(request), filter_of(request.query.items())
        freshness = self._freshness()
        if flag("watch", request.query.get("watch", "")):
            return await self._watch(request, Watcher(service, wanted))
        found = [instance for instance in self._catalog.instances(service) if wanted.wants(instance)]
        return answer({"service": service, "instances": found, **freshness})

    async def _watch(self, request: web.Request, watcher: Watcher) -> web.StreamResponse:
        self._hub.add(watcher)
        try:
            return await event_stream(request, watcher.follow(self._catalog))
        finally:
            self._hub.remove(watcher)

    async def instance(self, request: web.Request) -> web.StreamResponse:
        """One instance."""
        service, ident = _service(request), _ident(request)
        freshness = self._freshness()
        found = self._catalog.get(service, ident)
        if found is None:
            raise not_found("instance", ident)
        return answer({"instance": found, **freshness})

    async def leader(self, request: web.Request) -> web.StreamResponse:
        """The oldest instance of a service."""
        service = _service(request)
        freshness = self._freshness()
        found = self._catalog.leader(service)
        if found is None:
            raise not_found("leader", service, "no instance of this service is registered")
        return answer({"service": service, "leader": found, **freshness})

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Register an instance, or keep its registration for another ttl."""
        service, ident = _service(request), _ident(request)
        done = await self._registry.register(service, ident, registration(await json_body(request)))
        body = {"instance": done.instance, "ttl": done.ttl, "changed": done.revision > 0, "revision": done.revision}
        return answer(body, 201 if done.new else 200)

    async def deregister(self, request: web.Request) -> web.StreamResponse:
        """Remove a registration."""
        revision = await self._registry.deregister(_service(request), _ident(request))
        return answer({"deleted": True, "revision": revision})

    def _freshness(self) -> dict[str, object]:
        """How fresh the answer is; raises Unavailable before the store was ever read."""
        if not self._mirror.revision:
            raise Unavailable("discoverd has not reached the store yet", remedy="see that etcd runs; try again")
        mirror = self._mirror
        return {"revision": mirror.revision, "stale": not mirror.connected, "age": round(mirror.age(), 3)}


def _service(request: web.Request) -> str:
    return check_label("service", request.match_info["service"])


def _ident(request: web.Request) -> str:
    return check_label("instance id", request.match_info["id"])


def make_app(store: Store, mirror: Mirror, tokens: Tokens) -> web.Application:
    """Discoverd's application; ``mirror`` of ``services/`` must not have run yet."""
    discoverd = Discoverd(store, mirror)
    app = application(tokens, max_body=BODY_MOST)
    one = "/services/{service}/instances/{id}"
    app.router.add_get("/services", needs("read")(discoverd.services))
    app.router.add_get("/services/{service}/instances", needs("read")(discoverd.find))
    app.router.add_get("/services/{service}/leader", needs("read")(discoverd.leader))
    app.router.add_get(one, needs("read")(discoverd.instance))
    app.router.add_put(one, needs("deploy")(discoverd.register))
    app.router.add_delete(one, needs("deploy")(discoverd.deregister))
    return app
