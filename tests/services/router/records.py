"""Records that routers read, made short for tests, and the keys that they have in the store."""

from __future__ import annotations

import hashlib
from typing import Any

from grille.wire import keys
from grille.wire.discovery import ServiceSettings
from grille.wire.routing import AppRouting, Certificate, Challenge, Route
from grille.wire.specs import Instance

Record = Route | AppRouting | Certificate | Challenge | Instance | ServiceSettings


def key_of(record: Record) -> str:
    """Where a record lies in the store."""
    match record:
        case Route():
            return keys.route(record.id)
        case AppRouting():
            return keys.routing_app(record.app)
        case Certificate():
            return keys.certificate(record.id)
        case Challenge():
            return keys.challenge(record.host)
        case ServiceSettings():
            return keys.service_settings(record.service)
        case Instance():
            return keys.instance(record.service, record.id)


def http(host: str, service: str, path: str = "/", **fields: Any) -> Route:
    """A route of requests; its id is made of host and path."""
    ident = f"r-{hashlib.sha256(f'{host}{path}'.encode()).hexdigest()[:20]}"
    return Route(**{"id": ident, "host": host, "service": service, "path": path, "created": 1.0, **fields})


def tcp(port: int, service: str, **fields: Any) -> Route:
    """A route of connections to a port of the routers."""
    given = {"id": f"tcp-{port}", "host": "", "kind": "tcp", "port": port, "idle_timeout": 300.0, "created": 1.0}
    return Route(**{**given, "service": service, **fields})


def tls(host: str, service: str, **fields: Any) -> Route:
    """A route of TLS that is passed through, by SNI."""
    given = {"id": f"tls-{host.replace('.', '-')}", "host": host, "kind": "tls", "idle_timeout": 300.0, "created": 1.0}
    return Route(**{**given, "service": service, **fields})


def instance(service: str, ident: str, port: int, address: str = "127.0.0.1", **fields: Any) -> Instance:
    """A registered instance."""
    return Instance(**{"id": ident, "service": service, "address": address, "port": port, **fields})
