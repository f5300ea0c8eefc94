"""The frontend of HTTP: which backend a request is for, and what is done to it on the way.

Requests of routes without options leave the rules at PLAIN; what comes after it costs them nothing.
"""

from __future__ import annotations

from .. import access_format, pages
from ..lead import ONCE
from . import settings
from .options import Options

SENT_HOST, ID = "capture.req.hdr(0)", "capture.req.hdr(1)"  # cheaper than variables, and there when the log is written
PLAIN = rf"^[a-z][^|]*\|[^|]*(\|{ONCE})?$"  # a route's entry in the map: a backend, and no options but this one
HOST = r"^([a-z0-9_-]+\.)*[a-z0-9_-]+$|^\[[0-9a-f:.]+\]$"
REQUEST_ID = "^[A-Za-z0-9-]{20,200}$"
DEEPEST = 4  # labels that a wildcard may stand for


def section(options: Options, *, passthrough: bool) -> str:
    """The frontend ``web``. ``passthrough``: connections for ``https_port`` come from another frontend."""
    lines = [
        *binds(options, passthrough=passthrough),
        *settings.logged(access_format.HTTP),
        *([] if passthrough else trusted(options)),
        "option forwardfor",
        "capture request header Host len 255",
        "unique-id-format %b|%[var(txn.route),field(2,|)]|%[date(12000,ms)]|%[var(txn.once)]|",
        *_lookup(options),
        *_headers(),
        f"http-request allow if {{ var(txn.route) -m reg {PLAIN} }}",
        *_thorough(options),
        f"http-request allow if {{ var(txn.route) -m reg {PLAIN} }}",
        *_refusals(options),
        *_options(options),
        "http-response lua.grille_response if { var(txn.answer) -m found }",
        "use_backend %[var(txn.route),field(1,|)]",
    ]
    return f"frontend web from {settings.BASE}\n" + "".join(f"    {line}\n" for line in lines)


def trusted(options: Options) -> list[str]:
    """The rule by which load balancers in front say whom they speak for."""
    return [f"tcp-request connection expect-proxy layer4 if {{ src -f {options.path('proxies.lst')} }}"] * bool(
        options.proxies
    )


def addresses(options: Options, port: int | str) -> list[str]:
    """The lines that listen on ``port``."""
    return [f"bind {address}:{port}" for address in options.bind if port]


def binds(options: Options, *, passthrough: bool) -> list[str]:
    """The lines that listen for HTTP, plain and in TLS."""
    certs = options.path("certs")
    tls = f"ssl crt {certs}/default.pem crt-list {certs}/list.txt alpn h2,http/1.1"
    lines = addresses(options, options.http_port)
    if passthrough:
        return [*lines, f"{inner(options, 'tls')} {tls}"]
    return [*lines, *(f"{line} {tls}" for line in addresses(options, options.https_port))]


def inner(options: Options, name: str) -> str:
    """The line that listens on a socket of HAProxy's own."""
    owner = f" user {options.user}" if options.user else ""
    return f"bind unix@{options.inner(name)} mode 600{owner} accept-proxy"


def _lookup(options: Options) -> list[str]:
    """The one look-up of a host that is sent as its route has it; neither a slash in it nor a second one may pass."""
    return [
        f"http-request return {pages.reference(pages.BAD_HOST, options.folder)} "
        f"if {{ {SENT_HOST} -m sub / , }} || METH_CONNECT",  # a tunnel would lead past all rules
        f"http-request set-var(txn.route) base,concat(/),map_beg({options.map('routes')})",
    ]


def _headers() -> list[str]:
    return [
        "http-request del-header Proxy",
        "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
        "http-request set-header X-Forwarded-Port %[dst_port]",
        "http-request set-header X-Request-Start t=%[date(0,ms)]",
        f"http-request set-header X-Request-Id %[uuid()] unless {{ req.hdr(X-Request-Id) -m reg {REQUEST_ID} }}",
        "http-request capture req.hdr(X-Request-Id) len 200",
    ]


def _thorough(options: Options) -> list[str]:
    """Look-ups that take the host however it is written, then wildcards for it, the longest first, then any host."""
    missing = "unless { var(txn.route) -m found }"
    lines = [
        "http-request set-var(txn.host) req.hdr(host),host_only,rtrim(.),lower",
        f"http-request return {pages.reference(pages.BAD_HOST, options.folder)} "
        f"unless {{ var(txn.route) -m found }} || {{ var(txn.host) -m reg {HOST} }}",
        f'http-request set-var-fmt(txn.key) "%[var(txn.host)]%[path]/" {missing}',
        f"http-request set-var(txn.route) var(txn.key),map_beg({options.map('routes')}) {missing}",
    ]
    for _ in range(DEEPEST):
        lines += [
            f"http-request set-var(txn.rest) var(txn.{'rest' if _ else 'host'}),field(2,.,0) {missing}",
            f'http-request set-var-fmt(txn.key) "*.%[var(txn.rest)]%[path]/" {missing}',
            f"http-request set-var(txn.route) var(txn.key),map_beg({options.map('routes')}) {missing}",
        ]
    lines += [
        f'http-request set-var-fmt(txn.key) "*%[path]/" {missing}',
        f"http-request set-var(txn.route) var(txn.key),map_beg({options.map('routes')}) {missing}",
    ]
    return lines


def _refusals(options: Options) -> list[str]:
    return [
        f"http-request return {pages.reference(pages.NO_ROUTE, options.folder)} unless {{ var(txn.route) -m found }}",
        f"http-request return {pages.reference(pages.NO_SERVER, options.folder)} if {{ var(txn.route) -m beg -- - }}",
    ]


def _options(options: Options) -> list[str]:
    """What a route's options ask for; ``lua/options.lua`` does it, or sets variables for the rules here."""
    answers = [
        f"http-request return {pages.reference(page, options.folder)} if {{ var(txn.page) -m str {page.code} }}"
        for page in pages.OF_OPTIONS
    ]
    limited, length = (pages.reference(page, options.folder) for page in (pages.RATE_LIMITED, pages.LENGTH_REQUIRED))
    unknown = "if { var(txn.unknown_length) -m found }"
    return [
        "http-request set-var(txn.client) src,ipmask(32,64)",
        f"http-request lua.grille_request {options.https_port}",
        "http-request track-sc0 var(txn.client) table rates if { var(txn.rate) -m found }",
        f"http-request return {limited} if {{ var(txn.rate) -m found }} "
        "{ sc0_http_req_rate(rates),sub(txn.rate) -m int gt 0 }",
        *answers,
        f"http-request wait-for-body time 1s at-least 1 {unknown}",
        f"http-request return {length} {unknown} {{ req.body_len gt 0 }}",
        f"http-request return {pages.reference(pages.NO_SERVER, options.folder)} if {{ var(txn.route) -m beg ? }}",
    ]
