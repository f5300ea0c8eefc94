"""Routes as requests describe them: plain values in, a checked Route out, and back. Standard library only.

The controller reads requests with it, the Ansible module what a playbook says: both come to the same route.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from . import names
from .errors import InvalidValue
from .route_rules import check_path, check_route, default_idle
from .routing import FIRST_BYTE, Headers, Limits, Redirect, Route, Target

T = TypeVar("T")
KINDS = ("http", "tcp", "tls")
PROTOCOLS = ("http", "h2c")
CERTIFICATES = ("none", "optional", "required")
PROCESS = "web"
FIELDS = (
    "host",
    "path",
    "app",
    "process",
    "kind",
    "port",
    "strip",
    "weight",
    "targets",
    "leader",
    "sticky",
    "protocol",
    "proxy_protocol",
    "compress",
    "https_only",
    "redirect",
    "headers",
    "hsts",
    "timeout",
    "idle_timeout",
    "limits",
    "resend",
    "client_certificate",
)


def read_route(ident: str, body: Mapping[str, Any], created: float, port: int = 0) -> Route:
    """The route ``ident`` that ``body`` describes; what is missing, or null, has its default.

    Args:
        body: of FIELDS. ``targets``: mappings of ``weight`` and ``app`` and ``process``, or ``service``.
        port: of a tcp route that names none.
    Raises:
        InvalidValue: naming the field, the value and what would be right.
    """
    return check_route(draw_route(ident, body, created, port))


def draw_route(ident: str, body: Mapping[str, Any], created: float, port: int = 0) -> Route:
    """``read_route`` without the rules on values: the types alone are as they must be."""
    only(body, FIELDS, "a route")
    app = names.check_app(body.get("app"))
    process = names.check_process(_given(body, "process", PROCESS, _text))
    kind: Any = _given(body, "kind", "http", lambda name, value: _choice(name, value, KINDS))
    return Route(
        id=names.check_label("route", ident),
        host=plain_host(_given(body, "host", "", _text)),
        service=f"{app}-{process}",
        created=created,
        app=app,
        kind=kind,
        path=check_path(_given(body, "path", "/", _text)),
        port=_given(body, "port", 0, _whole) or (port if kind == "tcp" else 0),
        strip=_given(body, "strip", False, _boolean),
        weight=_given(body, "weight", 100, _whole),
        targets=_given(body, "targets", [], lambda name, value: _targets(name, value, app)),
        leader=_given(body, "leader", False, _boolean),
        sticky=_given(body, "sticky", False, _boolean),
        protocol=_protocol(body),
        proxy_protocol=_given(body, "proxy_protocol", False, _boolean),
        compress=_given(body, "compress", False, _boolean),
        https_only=_given(body, "https_only", False, _boolean),
        redirect=_given(body, "redirect", None, _redirect),
        headers=_given(body, "headers", Headers(), _headers),
        hsts=_given(body, "hsts", 0, _whole),
        timeout=_given(body, "timeout", FIRST_BYTE, _number),
        idle_timeout=_given(body, "idle_timeout", default_idle(kind), _number),
        limits=_given(body, "limits", Limits(), _limits),
        resend=_given(body, "resend", True, _boolean),
        client_certificate=_client_certificate(body),
    )


def body_of(route: Route) -> dict[str, Any]:
    """The body that describes ``route``: ``read_route`` makes the same route of it."""
    body: dict[str, Any] = {name: getattr(route, name) for name in FIELDS if name != "process"}
    redirect = route.redirect
    return body | {
        "process": process_of(route.app, route.service),
        "targets": [{"service": one.service, "weight": one.weight} for one in route.targets],
        "redirect": {"to": redirect.to, "code": redirect.code} if redirect else None,
        "headers": {"request": dict(route.headers.request), "response": dict(route.headers.response)},
        "limits": {name: getattr(route.limits, name) for name in ("body", "rate", "concurrency")},
    }


def process_of(app: str, service: str) -> str:
    """The process type in the name of a service of ``app``."""
    return service.removeprefix(f"{app}-")


def plain_host(host: str) -> str:
    """``host`` as routes hold it: lower case, without the dot that may end a name (RFC 1034, section 3.1)."""
    lower = host.lower() if host.isascii() else host
    return lower if lower in (".", "*.") else lower.removesuffix(".")


def only(body: Mapping[str, Any], allowed: tuple[str, ...], what: str) -> None:
    """Raise InvalidValue when ``body`` has a key that means nothing here."""
    if unknown := sorted(str(name) for name in body if name not in allowed):
        raise InvalidValue(
            f"{what} has no field {names.brief(unknown[0])}", remedy=f"use: {', '.join(allowed)}", code="unknown_key"
        )


def _given(body: Mapping[str, Any], name: str, default: T, read: Callable[[str, Any], T]) -> T:
    value = body.get(name)
    return default if value is None else read(name, value)


def _wrong(name: str, value: object, says: str) -> InvalidValue:
    code = f"invalid_{name.partition('.')[0]}"
    return InvalidValue(f"{name} {names.brief(value)} is not valid", remedy=f"use {says}", code=code)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "a string")
    return value


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, value, "a whole number")
    return value


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e15:  # NaN is not less either
        raise _wrong(name, value, "a number")
    return float(value)


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise _wrong(name, value, f"one of {', '.join(choices)}")
    return value


def _protocol(body: Mapping[str, Any]) -> Literal["http", "h2c"]:
    found: Any = _given(body, "protocol", "http", lambda name, value: _choice(name, value, PROTOCOLS))
    return found  # type: ignore[no-any-return]  # one of PROTOCOLS


def _client_certificate(body: Mapping[str, Any]) -> Literal["none", "optional", "required"]:
    found: Any = _given(body, "client_certificate", "none", lambda name, value: _choice(name, value, CERTIFICATES))
    return found  # type: ignore[no-any-return]  # one of CERTIFICATES


def _part(name: str, value: Any, allowed: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, value, f"a mapping of {', '.join(allowed)}")
    only(value, allowed, name)
    return value


def _targets(name: str, value: Any, app: str) -> list[Target]:
    if not isinstance(value, list):
        raise _wrong(name, value, 'a list like [{"app": "shop-next", "weight": 10}]')
    return [_target(one, app) for one in value]


def _target(value: Any, app: str) -> Target:
    given = _part("targets", value, ("app", "process", "service", "weight"))
    weight = _given(given, "weight", -1, lambda _, weight: _whole("targets.weight", weight))
    if weight < 0:
        raise _wrong("targets.weight", given.get("weight"), "a whole number, 0 for none of the requests")
    if given.get("service") is None:
        theirs = names.check_app(_given(given, "app", app, _text))
        process = names.check_process(_given(given, "process", PROCESS, _text))
        return Target(service=f"{theirs}-{process}", weight=weight)
    if given.get("app") is not None or given.get("process") is not None:
        raise _wrong("targets.service", given["service"], "either service, or app and process")
    return Target(service=names.check_label("service", given["service"]), weight=weight)


def _redirect(name: str, value: Any) -> Redirect | None:
    given = _part(name, value, ("to", "code"))
    to = _given(given, "to", "", lambda _, to: _text("redirect.to", to))
    code = _given(given, "code", 308, lambda _, code: _whole("redirect.code", code))
    return Redirect(to=to.rstrip("/"), code=code)


def _headers(name: str, value: Any) -> Headers:
    given = _part(name, value, ("request", "response"))
    return Headers(request=_table(given, "request"), response=_table(given, "response"))


def _table(given: Mapping[str, Any], way: str) -> dict[str, str]:
    value = given.get(way)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(f"headers.{way}", value, 'a mapping like {"X-Robots-Tag": "noindex"}')
    for header, text in value.items():
        if not isinstance(header, str) or not isinstance(text, str):
            raise _wrong(f"headers.{way}", {header: text}, "strings, an empty one to remove the header")
    return dict(value)


def _limits(name: str, value: Any) -> Limits:
    given = _part(name, value, ("body", "rate", "concurrency"))
    return Limits(
        body=_given(given, "body", 0, lambda _, body: _whole("limits.body", body)),
        rate=_given(given, "rate", 0.0, lambda _, rate: _number("limits.rate", rate)),
        concurrency=_given(given, "concurrency", 0, lambda _, most: _whole("limits.concurrency", most)),
    )
