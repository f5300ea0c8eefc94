"""Certificates, and where ACME orders them."""

from __future__ import annotations

from aiohttp import web

from ...service.http import answer, not_found
from .. import present_certificates as present
from ..changes import acme, certificates
from .common import change, context, reader, route


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "GET", "/certificates", "read", index)
    route(app, "GET", "/certificates/{certificate}", "read", show)
    route(app, "PUT", "/certificates/{certificate}", "deploy", put)
    route(app, "DELETE", "/certificates/{certificate}", "deploy", delete)
    route(app, "GET", "/acme", "read", settings)
    route(app, "PUT", "/acme", "admin", put_settings)


async def index(request: web.Request) -> web.Response:
    """All certificates by id, without chains."""
    return answer(present.certificates(context(request).known()))


async def show(request: web.Request) -> web.Response:
    """One certificate, and what each router makes of it."""
    ident, records = request.match_info["certificate"], await context(request).fresh()
    if ident not in records.certificates:
        raise not_found("certificate", ident, "see them with GET /certificates")
    return answer(present.detailed(records, records.certificates[ident]))


async def put(request: web.Request) -> web.Response:
    """Give a certificate, or have one ordered."""
    ident, keyring = request.match_info["certificate"], context(request).keyring
    return await change(
        request,
        lambda records, body, now: certificates.put_certificate(
            records, certificates.Request(ident, body, now, keyring)
        ),
    )


async def delete(request: web.Request) -> web.Response:
    """Remove a certificate: its domains are served with the routers' own, self-signed one."""
    ident = request.match_info["certificate"]
    return await change(request, lambda records, _body, _now: certificates.delete_certificate(records, ident))


async def settings(request: web.Request) -> web.Response:
    """Where certificates are ordered, and the account there; null: not set up."""
    return answer(present.acme(await context(request).fresh(), reader(request)))


async def put_settings(request: web.Request) -> web.Response:
    """Say where certificates are ordered."""
    return await change(request, lambda records, body, _now: acme.put_settings(records, body))
