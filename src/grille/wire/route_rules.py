"""Which routes are valid: one rule for all sides, and for each value that is wrong one line. Standard library only.

Nothing that passes here can be read by HAProxy's command line or by a map file as more than one word.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlsplit

from . import names
from .errors import InvalidValue
from .routing import ANY_HOST, IDLE, TCP_IDLE, AppRouting, Headers, Limits, Redirect, Route

IDENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,299}\Z")
_PCHARS = r"(?:[A-Za-z0-9._~!$&()*+,=:@/-]|%[0-9A-Fa-f]{2})*"
PATH = re.compile(rf"(?=.{{1,200}}\Z)/{_PCHARS}\Z")
HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}\Z")  # RFC 9110's token, without its odd signs
VALUE = re.compile(r"[\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\U0010ffff]{0,1000}\Z")  # one line, sayable in UTF-8
URL = re.compile(rf"(?=.{{1,500}}\Z)https?://[A-Za-z0-9.-]+(:[0-9]{{1,5}})?(/{_PCHARS})?\Z")
HOP_BY_HOP = frozenset(
    "connection content-length host keep-alive proxy-connection te trailer transfer-encoding upgrade".split()  # noqa: SIM905
)
CODES = (301, 302, 303, 307, 308)
MOST_WEIGHT = 1000
MOST_TARGETS = 4  # beside the route's own service
MOST_HEADERS = 20  # each way
MOST_OPTIONS = 6000  # characters of all headers, percent-encoded: they are part of one line of HAProxy's, of 16 KiB
MOST_PAGE = 7 * 1024  # bytes; pages travel as base64 in one such line
MOST_TIMEOUT = 3600.0
MOST_BODY = 1 << 40
MOST_RATE = 100_000
MOST_CONCURRENCY = 10_000
MOST_AGE = 10 * 365 * 86400


def check_route(route: Route) -> Route:
    """``route`` if all of it is valid; raises InvalidValue naming the field, the value and what would be right."""
    if not IDENT.match(route.id):
        raise _wrong("id", route.id, "use letters, digits, dots and hyphens")
    names.check_label("service", route.service)
    if route.app:
        names.check_app(route.app)
    if route.kind == "tcp":
        _tcp(route)
    elif route.kind == "tls":
        _tls(route)
    else:
        _http(route)
    return route


def check_host(host: str) -> str:
    """``host`` if a route may have it: a host name, ``*.`` and a host name, or ``*``; raises InvalidValue.

    A name with other letters than ASCII's (RFC 5890) must be given in its ASCII form, which the error tells.
    """
    if not host.isascii():
        raise _wrong("host", host, f"give its ASCII form (punycode){_punycode(host)}")
    if host != ANY_HOST:
        names.check_hostname(host.removeprefix("*."))
    return host


def _punycode(host: str) -> str:
    try:
        return f": {host.encode('idna').decode()}"
    except UnicodeError:
        return ", one that begins with xn--"


def check_path(path: str) -> str:
    """``path`` as routes hold it (no slash at its end but for ``/``); raises InvalidValue."""
    if not PATH.match(path) or "//" in path or {".", ".."} & set(path.split("/")):
        raise _wrong("path", path, "use one like / or /api, of at most 200 characters; others percent-encoded")
    return path.rstrip("/") or "/"


def check_app_routing(record: AppRouting) -> AppRouting:
    """``record`` if its pages can be carried to HAProxy; raises InvalidValue naming the page and its size."""
    names.check_app(record.app)
    for name in ("error_page", "maintenance_page"):
        page = getattr(record, name)
        size = len(page.encode(errors="replace"))
        if size > MOST_PAGE:
            says = f"use at most {MOST_PAGE} bytes: keep styles and images elsewhere"
            raise InvalidValue(f"{name} has {size} bytes", remedy=says, code=f"invalid_{name}")
        if "\0" in page or any("\ud800" <= letter <= "\udfff" for letter in page):
            raise InvalidValue(f"{name} is not a text", remedy="use HTML in UTF-8", code=f"invalid_{name}")
    return record


def _tcp(route: Route) -> None:
    if route.host or route.path != "/":
        raise _wrong("host", route.host or route.path, "a tcp route has a port, and no host or path")
    if not 0 < route.port < 65536:
        raise _wrong("port", route.port, "use one of the routers' range for TCP routes (GET /routers)")
    _passed_through(route)


def _tls(route: Route) -> None:
    check_host(route.host)
    if route.port or route.path != "/":
        raise _wrong("port" if route.port else "path", route.port or route.path, "a tls route has a host alone")
    _passed_through(route)


def _passed_through(route: Route) -> None:
    """What is opened by nobody on the way can have nothing that needs HTTP."""
    plain = Route(id=route.id, host=route.host, service=route.service, created=route.created)
    for name in HTTP_ONLY:
        if getattr(route, name) != getattr(plain, name):
            raise _wrong(name, getattr(route, name), f"a {route.kind} route carries bytes, not requests: leave it out")
    if route.idle_timeout not in TCP_IDLE:
        raise _wrong("idle_timeout", route.idle_timeout, f"for a {route.kind} route use one of {_words(TCP_IDLE)}")


HTTP_ONLY = (
    "strip",
    "weight",
    "targets",
    "sticky",
    "protocol",
    "compress",
    "https_only",
    "redirect",
    "headers",
    "hsts",
    "timeout",
    "limits",
    "resend",
    "client_certificate",
)


def _http(route: Route) -> None:
    check_host(route.host)
    if check_path(route.path) != route.path:
        raise _wrong("path", route.path, "leave out the slash at its end")
    if route.port:
        raise _wrong("port", route.port, "only tcp routes have a port")
    for name in ("timeout", "idle_timeout"):
        _within(name, getattr(route, name), 0.1, MOST_TIMEOUT)
    _within("hsts", route.hsts, 0, MOST_AGE)
    _targets(route)
    _limits(route.limits)
    _headers(route.headers)
    if route.redirect is not None:
        _redirect(route.redirect)
        _no_circle(route, route.redirect)


def _targets(route: Route) -> None:
    _within("weight", route.weight, 0, MOST_WEIGHT)
    if len(route.targets) > MOST_TARGETS:
        raise _wrong("targets", len(route.targets), f"at most {MOST_TARGETS}")
    for target in route.targets:
        names.check_label("service", target.service)
        _within("targets.weight", target.weight, 0, MOST_WEIGHT)
    services = [route.service, *(target.service for target in route.targets)]
    if len(set(services)) < len(services):
        raise _wrong("targets", ", ".join(services), "name each service once")
    if route.targets and not route.weight + sum(target.weight for target in route.targets):
        raise _wrong("weight", 0, "give at least one of the services a weight above 0")


def _limits(limits: Limits) -> None:
    _within("limits.body", limits.body, 0, MOST_BODY)
    _within("limits.rate", limits.rate, 0, MOST_RATE)
    if 0 < limits.rate < 0.1:
        raise _wrong("limits.rate", limits.rate, "0.1 requests a second is the least")
    _within("limits.concurrency", limits.concurrency, 0, MOST_CONCURRENCY)


def _headers(headers: Headers) -> None:
    for way, table in (("request", headers.request), ("response", headers.response)):
        if len(table) > MOST_HEADERS:
            raise _wrong(f"headers.{way}", len(table), f"at most {MOST_HEADERS}")
        for name, value in table.items():
            if not HEADER.match(name) or name.lower() in HOP_BY_HOP:
                raise _wrong(f"headers.{way}", name, "use a header's name, none of the connection's own")
            if not VALUE.match(value):
                raise _wrong(f"headers.{way}.{name}", value, "one line of at most 1000 characters")
        if len({name.lower() for name in table}) < len(table):
            raise _wrong(f"headers.{way}", ", ".join(sorted(table)), "name each header once, whatever its case")
    tables = (headers.request, headers.response)
    size = sum(len(quote(f"{name}{value}", safe="")) + 5 for table in tables for name, value in table.items())
    if size > MOST_OPTIONS:
        raise InvalidValue(
            f"headers have {size} characters in all, percent-encoded",
            remedy=f"use at most {MOST_OPTIONS}",
            code="invalid_headers",
        )


def _redirect(redirect: Redirect) -> None:
    if not URL.match(redirect.to):
        raise _wrong("redirect.to", redirect.to, "use the start of an address, like https://www.example.org")
    parts = urlsplit(redirect.to)
    if not names.HOSTNAME.match(parts.hostname or "") or not _port(parts.netloc):
        raise _wrong("redirect.to", redirect.to, "use a host name, and a port of 1 to 65535 or none")
    if redirect.code not in CODES:
        raise _wrong("redirect.code", redirect.code, f"use one of {_words(CODES)}")


def _port(netloc: str) -> bool:
    _, colon, port = netloc.partition(":")
    return not colon or 0 < int(port) < 65536


def _no_circle(route: Route, redirect: Redirect) -> None:
    """A client that follows the redirect must not be at the same route again."""
    parts = urlsplit(redirect.to)
    there = f"{parts.path}{route.path}/".replace("//", "/")
    if parts.netloc.lower() == route.host and there.startswith(f"{route.path}/".replace("//", "/")):
        raise _wrong("redirect.to", redirect.to, "that is this route again; for HTTPS at the same host use https_only")


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise _wrong(name, value, f"use {least:g} to {most:g}")


def _wrong(name: str, value: Any, says: str) -> InvalidValue:
    return InvalidValue(
        f"{name} {names.brief(value)} is not valid", remedy=says, code=f"invalid_{name.partition('.')[0]}"
    )


def _words(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def default_idle(kind: str) -> float:
    """The idle timeout of a route of ``kind`` that names none."""
    return IDLE if kind == "http" else float(TCP_IDLE[1])
