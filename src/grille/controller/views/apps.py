"""Apps, their releases and formations."""

from __future__ import annotations

from aiohttp import web

from ...service.http import answer
from .. import present
from ..changes import release as releases
from ..changes import work
from .common import app_records, change, context, reader, route


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "GET", "/apps", "read", index)
    route(app, "GET", "/apps/{app}", "read", show)
    route(app, "PUT", "/apps/{app}", "deploy", create)
    route(app, "DELETE", "/apps/{app}", "deploy", destroy)
    route(app, "GET", "/apps/{app}/releases", "read", index_releases)
    route(app, "POST", "/apps/{app}/releases", "deploy", release)
    route(app, "PUT", "/apps/{app}/formation", "deploy", scale)


async def index(request: web.Request) -> web.Response:
    """All apps by name; ``?system=1``: the grid's own bricks too."""
    records = context(request).known()
    apps = [app for app in records.apps.values() if not app.system]
    if request.query.get("system") == "1":
        apps += [app for app in records.apps.values() if app.system] + present.bricks(records)
    edge = context(request).config.edge
    return answer([present.summary(records, app, edge) for app in sorted(apps, key=lambda app: app.name)])


async def show(request: web.Request) -> web.Response:
    """One app: formation, releases, jobs, routes, latest deployment."""
    name, records = await app_records(request)
    app = records.apps.get(name) or present.brick(records, name)
    assert app is not None
    return answer(present.app(records, app, reader(request), context(request).config.edge))


async def create(request: web.Request) -> web.Response:
    """Create an app without a release."""
    name = request.match_info["app"]
    return await change(request, lambda records, body, now: work.create_app(records, name, body, now))


async def destroy(request: web.Request) -> web.Response:
    """Have an app destroyed; it is gone when GET answers 404."""
    name = request.match_info["app"]
    return await change(request, lambda records, _body, _now: work.destroy_app(records, name))


async def index_releases(request: web.Request) -> web.Response:
    """An app's releases, newest first."""
    name, records = await app_records(request)
    formation = records.formations.get(name)
    current, secret = formation.release if formation else 0, reader(request)
    return answer([present.release(one, current, secret) for one in records.releases_of(name)])


async def release(request: web.Request) -> web.Response:
    """Make a release and queue its deployment."""
    name, here = request.match_info["app"], context(request)
    domain, keyring = here.config.domain, here.keyring
    return await change(request, lambda records, body, now: releases.release(records, name, body, now, domain, keyring))


async def scale(request: web.Request) -> web.Response:
    """Change the formation."""
    name = request.match_info["app"]
    return await change(request, lambda records, body, _now: releases.scale(records, name, body))
