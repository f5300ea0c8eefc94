"""The records of routing: routes, certificates, what holds for an app's routes, and what routers say of themselves.

Durations are seconds, times seconds since the epoch, sizes bytes. ``route_rules`` says which values are valid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

FIRST_BYTE = 30.0  # a request without a first byte of its answer ends after this long (Heroku's H12)
IDLE = 55.0  # an answer that streams may be silent this long (Heroku's H15)
TCP_IDLE = (300, 3600, 86400)  # what a connection of a TCP route may be silent, to choose from
ANY_HOST = "*"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Another service that a route leads to, and its share of the requests beside the route's own ``weight``."""

    service: str
    weight: int


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """Where clients are sent instead: ``to`` is the start of an address, the request's path and query follow it."""

    to: str
    code: int = 308


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a route lets through; 0: no limit.

    ``body``: bytes of a request. ``rate``: requests a second of one client, over ten seconds. ``concurrency``: requests
    at a time in one instance; others wait in a queue.
    """

    body: int = 0
    rate: float = 0.0
    concurrency: int = 0


@dataclass(frozen=True, kw_only=True)
class Headers:
    """Headers set on the way; an empty value removes the header."""

    request: dict[str, str] = field(default_factory=dict)
    response: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Route:
    """Requests for ``host`` and below ``path`` go to ``service``. ``app`` owns the route.

    ``kind``: ``http``; ``tcp``: connections to the routers' ``port``; ``tls``: passed through, by SNI (``host``).
    ``host``: exact, ``*.example.org`` (one label or more), or ``*`` (whatever no other route takes); empty for ``tcp``.
    ``strip``: take ``path`` off before the instance sees it. ``weight`` counts where there are ``targets``.
    ``leader``: only the service's leader answers. ``protocol``: what instances speak. ``proxy_protocol``: tell them
    the client's address by PROXY version 2. ``hsts``: max-age, 0 for none. ``timeout``: to the first byte.
    ``idle_timeout``: between two bytes; of ``tcp`` and ``tls`` one of TCP_IDLE. ``client_certificate``: asked of
    clients, and checked against the CA of the host's certificate. ``resend``: an idempotent request (RFC 9110, section
    9.2.2) that an instance dropped without a byte of an answer goes to another one.
    """

    id: str
    host: str
    service: str
    created: float
    path: str = "/"
    app: str = ""
    kind: Literal["http", "tcp", "tls"] = "http"
    port: int = 0
    strip: bool = False
    weight: int = 100
    targets: list[Target] = field(default_factory=list)
    leader: bool = False
    sticky: bool = False
    protocol: Literal["http", "h2c"] = "http"
    proxy_protocol: bool = False
    compress: bool = False
    https_only: bool = False
    redirect: Redirect | None = None
    headers: Headers = field(default_factory=Headers)
    hsts: int = 0
    timeout: float = FIRST_BYTE
    idle_timeout: float = IDLE
    limits: Limits = field(default_factory=Limits)
    resend: bool = True
    client_certificate: Literal["none", "optional", "required"] = "none"


@dataclass(frozen=True, kw_only=True)
class AppRouting:
    """What holds for all routes of an app. Pages are HTML; empty: Grille's own."""

    app: str
    maintenance: bool = False
    error_page: str = ""
    maintenance_page: str = ""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate for ``domains`` (host names, the first label may be ``*``), chosen by SNI.

    ``chain``: PEM, the leaf first; empty while an ACME order is under way. ``key``: PEM, sealed under the name
    ``certificate/<id>``. ``fingerprint``: sha256 of the leaf, hexadecimal. ``client_ca``: PEM of who may sign clients'
    certificates. ``next_try``: when ACME is asked again. ``reason``: why there is none, or none new.
    """

    id: str
    domains: list[str]
    created: float
    source: Literal["given", "acme"] = "given"
    chain: str = ""
    key: str = ""
    fingerprint: str = ""
    issuer: str = ""
    not_before: float = 0.0
    not_after: float = 0.0
    client_ca: str = ""
    challenge: Literal["http-01", "dns-01"] = "http-01"
    state: Literal["valid", "pending", "failed"] = "valid"
    reason: str = ""
    attempts: int = 0
    next_try: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """What an ACME server that asks ``host`` for ``token`` is answered (RFC 8555, section 8.3)."""

    host: str
    token: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class RouterStatus:
    """What a router's HAProxy reflects. ``drains`` counts the sessions left on servers being removed.

    ``refused``: keys in the store whose records the router leaves out, with the reason. ``handovers`` counts the times
    that a HAProxy with other pools took over from the one before, ``handover`` says why it last did.
    """

    id: str
    host: str
    revision: int
    updated: float
    pid: int = 0
    drains: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    handovers: int = 0
    handover: str = ""
