"""The backends: of each class as many as its pool has, with the servers that were saved. What is the same for all
of a class stands in its ``defaults``, where it costs no memory for each."""

from __future__ import annotations

from collections.abc import Mapping

from ...wire.routing import IDLE
from ..lead import ONCE
from ..pool import CLASSES, WAIT, PoolClass, backend_name, class_of
from ..saved import Saved
from . import hold, settings
from .options import Options

RETRIES = 7  # tries: three servers may have died at once, each is taken out after two
TCP_RETRIES = 40  # a connection of TCP waits for a server like this: a try each 0.3 s
REPEATABLE = "GET HEAD OPTIONS PUT DELETE TRACE"  # RFC 9110, section 9.2.2
COMPRESSED = (
    "text/html text/plain text/css text/csv text/xml text/javascript application/javascript application/json "
    "application/xml application/xhtml+xml application/rss+xml application/atom+xml application/wasm image/svg+xml "
    "application/manifest+json application/problem+json font/ttf font/otf"
)


def sections(options: Options, saved: Saved) -> list[str]:
    """For each class its ``defaults`` and its backends."""
    made = []
    for name, count in options.pool_sizes(saved).items():
        kind = CLASSES[name]
        made.append(_tcp(kind) if kind.idle else _http(kind, options))
        last = f"server {WAIT} 127.0.0.1:1 backup" if kind.idle else hold.server(options)
        for number in range(count):
            backend = backend_name(name, number)
            made.append(_backend(backend, kind, saved.backends.get(backend), last))
    return made


def exists(value: str, sizes: Mapping[str, int]) -> bool:
    """Whether what a map's entry leads to is there in pools of these sizes (or is said not to be)."""
    backend = value.partition("|")[0]
    number = backend.rpartition("-")[2]
    return backend in ("-", "?") or (number.isdigit() and int(number) < sizes.get(class_of(backend), 0))


def _backend(name: str, kind: PoolClass, servers: Mapping[str, str] | None, last: str) -> str:
    lines = [f"backend {name} from for-{kind.name}"]
    if not kind.idle:
        lines.append("use-server %[var(txn.server)] if { var(txn.server) -m found }")
    lines += [f"server {ident} {rest}" for ident, rest in (servers or {}).items()]
    lines.append(last if servers is not None else f"{last} disabled")
    return "\n    ".join(lines) + "\n"


def _http(kind: PoolClass, options: Options) -> str:
    lines = [
        "balance roundrobin",
        f"retries {RETRIES}",
        "option redispatch 1",
        "retry-on conn-failure empty-response",
        f"http-request set-var(txn.once) int(1) if {{ var(txn.route) -m end |{ONCE} &{ONCE} }}",
        f"http-request disable-l7-retry if {{ var(txn.once) -m found }} || !{{ method {REPEATABLE} }}",
        f"http-request set-timeout server {IDLE:g}s if {{ req.hdr(accept) -m beg text/event-stream }}",
        "http-request set-timeout server var(txn.t)",  # without the variable: nothing
    ]
    if kind.compress:
        lines += ["compression algo gzip", f"compression type {COMPRESSED}"]
    return settings.http_defaults(f"for-{kind.name}", options, *lines)


def _tcp(kind: PoolClass) -> str:
    lines = [
        "balance leastconn",
        f"retries {TCP_RETRIES}",
        "option redispatch 1",
        f"timeout server {kind.idle}s",
        f"timeout tunnel {kind.idle}s",
    ]
    return settings.tcp_defaults(f"for-{kind.name}", *lines)
