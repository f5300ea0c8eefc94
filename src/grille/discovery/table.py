"""Discoverd's calls, and the application that serves them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp import web

from ..service.http import Handler, application
from ..service.tokens import Tokens
from . import answers
from .api import Discoverd
from .core import Core
from .records import Registration, SettingsChange
from .routes import Parameter, Route, add

BODY_MOST = 256 * 1024
FILTERS = (
    Parameter("meta.", "only instances whose metadata have this value: meta.<key>=<value>"),
    Parameter("protocol", "only instances of this protocol"),
    Parameter("host", "only instances on this host"),
)
WATCH = Parameter("watch", "1: as server-sent events, without end", "integer")
FIND = (
    *FILTERS,
    Parameter("near", "instances on this host come first"),
    Parameter("wait", "seconds to wait for a change of the service after revision `after`", "number"),
    Parameter("after", "the revision of an earlier answer; without it any change from now on ends the wait", "integer"),
    WATCH,
)
HOLD = Parameter("hold", "1: for as long as this connection stands; the answer is server-sent events", "integer")


def table(discoverd: Discoverd) -> list[Route]:
    """Discoverd's calls."""
    service, instances = "/services/{service}", "/services/{service}/instances"
    one = "/services/{service}/instances/{id}"
    services = {200: answers.Services}
    written = {200: answers.Registered, 201: answers.Registered, 202: answers.Registered}
    deleted = {200: answers.Deleted, 202: answers.Deleted}
    return [
        _route("GET", "/services", discoverd.services, query=(*FILTERS, WATCH), gives=services, streams=True),
        _route("GET", service, discoverd.service, gives={200: answers.Service}),
        _route("PUT", service, discoverd.configure, body=SettingsChange, gives={200: answers.Set}),
        _route("DELETE", service, discoverd.unconfigure, gives={200: answers.Deleted}),
        _route("GET", instances, discoverd.find, query=FIND, gives={200: answers.Found}, streams=True),
        _route("GET", f"{service}/leader", discoverd.leader, gives={200: answers.Leading}),
        _route("GET", one, discoverd.instance, gives={200: answers.One}),
        _route("PUT", one, discoverd.register, query=(HOLD,), body=Registration, gives=written, streams=True),
        _route("DELETE", one, discoverd.deregister, gives=deleted),
    ]


def _route(method: str, path: str, handler: Handler, **more: Any) -> Route:
    says = " ".join((handler.__doc__ or "").replace("``", "").split())
    role = "read" if method == "GET" else "deploy"
    return Route(method=method, path=path, role=role, handler=handler, says=says, **more)


def make_app(core: Core, tokens: Tokens) -> web.Application:
    """Discoverd's application; more may be added to it with ``routes.add``, and is described then too."""
    discoverd = Discoverd(core)
    app = application(tokens, max_body=BODY_MOST)
    app.on_shutdown.append(discoverd.shutdown)
    description = _route("GET", "/openapi.json", discoverd.describe, gives={200: dict[str, Any]})
    add(app, [*table(discoverd), replace(description, role="")])
    return app
