"""Configuration: apps' own, shared sets, and the keys that their secrets are sealed under."""

from __future__ import annotations

import time
from typing import Any

import structlog
from aiohttp import web

from ...service.http import TOKENS, answer, json_body, not_found
from ...wire.configuration import APP_SCOPES, SHARED_SCOPES, ConfigVersion
from ...wire.errors import Conflict, GrilleError, InvalidValue
from .. import present
from ..changes import config, config_rotate
from ..changes.checks import only
from ..changes.config_choice import own, users
from ..changes.config_wish import check_scope
from ..changes.release import newest_release
from ..context import Context
from ..records import Records
from .common import change, context, reader, route, shown

log = structlog.get_logger()
ROTATION = 10.0  # seconds after which a rotation answers with what is left


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "GET", "/config", "read", index)
    route(app, "POST", "/config/rotate", "admin", rotate)
    route(app, "GET", "/config/{kind}/{name}", "read", show)
    route(app, "PUT", "/config/{kind}/{name}", "deploy", put)
    route(app, "DELETE", "/config/{kind}/{name}", "deploy", delete)


async def index(request: web.Request) -> web.Response:
    """The scopes: their newest version, and who uses a shared set."""
    records = context(request).known()
    return answer([_summary(records, scope) for scope in records.scopes()])


async def show(request: web.Request) -> web.Response:
    """A scope's newest version; ``?version=N``, ``?history=1``: others; ``?reveal=1``: with secrets opened."""
    here, scope = context(request), _scope(request)
    versions = _versions(await here.fresh(), scope)
    if wanted := request.query.get("version", ""):
        versions = [one for one in versions if str(one.version) == wanted]
    if not versions:
        raise not_found("configuration", f"{scope}{wanted and f' version {wanted}'}", "see them with GET /config")
    keyring = None
    if _flag(request, "reveal"):
        request.app[TOKENS].check(request.headers.get("Authorization", ""), "deploy")
        log.info("secrets shown", scope=scope)
        keyring = here.keyring
    found = [present.config(one, reader(request), keyring) for one in versions]
    return answer(found if _flag(request, "history") else found[0])


async def put(request: web.Request) -> web.Response:
    """Change a scope; what changes for apps is released and deployed."""
    here, scope, body = context(request), _scope(request), await json_body(request)
    domain, keyring = here.config.domain, here.keyring
    apps: list[str] = []

    def decide(records: Records) -> Any:
        nonlocal apps
        draft, apps = config.put(records, scope, body, time.time(), domain, keyring)
        return draft

    draft = await here.commit(decide)
    result = dict(draft.answer)
    if apps:
        result |= await _followed(here, apps)
    return answer(shown(result), draft.status)


async def delete(request: web.Request) -> web.Response:
    """Delete a shared set that no app uses, or what was set for an app that does not exist."""
    scope = _scope(request)
    return await change(request, lambda records, _body, _now: config.delete(records, scope))


async def rotate(request: web.Request) -> web.Response:
    """Seal all secrets again under the first key; ``left`` tells whether to call again. ``dry_run``: count only."""
    here, body = context(request), await json_body(request)
    only(body, ("dry_run",))
    first, done, bad = here.keyring.first, 0, dict[str, str]()
    end = time.monotonic() + ROTATION
    while True:
        records = await here.fresh()
        work = [one for one in config_rotate.stale(records, first) if one.key not in bad]
        if not work or body.get("dry_run") or time.monotonic() > end:
            break
        for one in work:
            done += await _resealed(here, one, bad)
    log.info("secrets sealed again", key=first, records=done, left=len(work))
    unreadable = [{"record": key, "detail": detail} for key, detail in bad.items()]
    return answer(
        {
            "key": first,
            "keys": here.keyring.ids,
            "in_use": config_rotate.in_use(records),
            "changed": done > 0 or bool(work and body.get("dry_run")),
            "resealed": done,
            "left": len(work),
            "unreadable": unreadable,
        }
    )


async def _resealed(here: Context, one: config_rotate.Sealed, bad: dict[str, str]) -> int:
    """1 when the record was written, 0 when somebody else changed it first or it cannot be opened (see ``bad``)."""
    try:
        check, write = config_rotate.resealed(one, here.keyring)
        revision = await here.store.transact([check], [write])
    except Conflict:
        return 0
    except GrilleError as error:
        if error.code not in ("bad_secret", "unknown_config_key"):
            raise
        bad[one.key] = error.message
        return 0
    await here.reach(revision)
    return 1


async def _followed(here: Context, apps: list[str]) -> dict[str, Any]:
    """Have ``apps`` follow their sets; what cannot be done now is the leader's to do."""
    made: list[Any] = []
    left: list[dict[str, str]] = []
    for app in apps:
        try:
            draft = await here.commit(
                lambda records, app=app: config.follow(  # type: ignore[misc]
                    records, app, time.time(), here.config.domain, here.keyring
                )
            )
        except GrilleError as error:
            left.append({"app": app, "code": error.code, "detail": error.message})
            continue
        made += draft.answer["releases"]
        left += [draft.answer["error"]] if "error" in draft.answer else []
    return {"releases": made, "left": left}


def _versions(records: Records, scope: str) -> list[ConfigVersion]:
    """The versions of a scope, newest first; of an app without any the environment of its release, numbered 0."""
    found = [one for (name, _), one in records.configs.items() if name == scope]
    app = scope.removeprefix(APP_SCOPES)
    if not found and scope.startswith(APP_SCOPES) and app in records.apps:
        found = [own(records, app, newest_release(records, app))]
    return sorted(found, key=lambda one: -one.version)


def _summary(records: Records, scope: str) -> dict[str, Any]:
    found = records.config(scope)
    newest = {"scope": scope, "version": records.newest(scope), "created": found.created if found else 0.0}
    if scope.startswith(SHARED_SCOPES):
        return {**newest, "apps": users(records, scope.removeprefix(SHARED_SCOPES))}
    return {**newest, "shared": found.shared if found else []}


def _scope(request: web.Request) -> str:
    return check_scope(request.match_info["kind"], request.match_info["name"])


def _flag(request: web.Request, name: str) -> bool:
    raw = request.query.get(name, "0")
    if raw not in ("0", "1"):
        raise InvalidValue(f"{name}={raw:.20} is not valid", remedy=f"use {name}=1, or leave it out")
    return raw == "1"
