"""What the handlers share."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from ...service.http import TOKENS, answer, json_body, needs
from ...wire.configuration import ConfigVersion
from ...wire.routing import Certificate
from ...wire.specs import Release, Ticket
from .. import present, present_certificates
from ..changes.checks import unknown_app
from ..changes.draft import Draft
from ..context import CONTEXT, Context
from ..records import Records

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Decide = Callable[[Records, Mapping[str, Any], float], Draft]


def context(request: web.Request) -> Context:
    """The controller that answers."""
    return request.app[CONTEXT]


def reader(request: web.Request) -> bool:
    """Whether the caller may only read, and so must not see the values of environments."""
    return request.app[TOKENS].check(request.headers.get("Authorization", ""), "read") == "read"


def route(app: web.Application, method: str, path: str, role: str, handler: Handler) -> None:
    """Add one call of the API."""
    app.router.add_route(method, path, needs(role)(handler))


async def change(request: web.Request, decide: Decide) -> web.Response:
    """Read the body, commit what ``decide`` makes of it, answer."""
    body = await json_body(request)
    draft = await context(request).commit(lambda records: decide(records, body, time.time()))
    return answer(shown(draft.answer), draft.status)


def shown(value: Any) -> Any:
    """An answer to somebody who may change things, records in it as users see them."""
    match value:
        case Ticket():
            return present.ticket(value, False)
        case Release():
            return present.release(value, 0, False)
        case ConfigVersion():
            return present.config(value, False)
        case Certificate():
            return present_certificates.certificate(value)
        case dict():
            return {key: shown(one) for key, one in value.items()}
        case list():
            return [shown(one) for one in value]
    return value


async def app_records(request: web.Request) -> tuple[str, Records]:
    """The name of an app in the path that exists (or is a brick), and the records; raises NotFound."""
    name, here = request.match_info["app"], context(request)
    for records in (here.known(), None):
        records = records or await here.fresh()
        if name in records.apps or present.brick(records, name):
            return name, records
    raise unknown_app(name)
