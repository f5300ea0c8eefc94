"""The frontends of bytes: ports that TCP routes take, and TLS that is passed through by the name it asks for."""

from __future__ import annotations

from ...wire.routing import TCP_IDLE
from .. import access_format
from . import settings, web
from .options import Options

HELLO = "{ req.ssl_hello_type 1 }"  # waits until it is there, or cannot come any more
LONGEST = f"timeout client {max(TCP_IDLE)}s"  # the backend's own, shorter one counts


def ports(options: Options) -> str:
    """The frontend ``tcp``: the port says the route."""
    first, last = options.tcp_ports or (0, 0)
    lines = [
        *web.addresses(options, f"{first}-{last}"),
        *settings.logged(access_format.TCP),
        LONGEST,
        *web.trusted(options),
        f"tcp-request connection set-var(sess.route) dst_port,map_int({options.map('tcp')})",
        "tcp-request connection reject unless { var(sess.route) -m found } !{ var(sess.route) -m beg -- - }",
        "tcp-request content set-var(txn.route) var(sess.route)",
        "use_backend %[var(txn.route),field(1,|)]",
    ]
    return _frontend("tcp", lines)


def by_name(options: Options) -> str:
    """The frontend ``sni`` on the port of HTTPS: what is not passed through goes to ``web``, with its address."""
    sni, missing = options.map("sni"), "!{ var(txn.route) -m found }"
    when = f"if {missing}"
    named = f"{{ var(txn.host),concat(/),map_beg({options.map('routes')}) -m found }}"
    lines = [
        *web.addresses(options, options.https_port),
        *settings.logged(access_format.TCP),
        LONGEST,
        *web.trusted(options),
        "tcp-request inspect-delay 5s",
        f"tcp-request content set-var(txn.host) req.ssl_sni,rtrim(.),lower if {HELLO}",
        f"tcp-request content set-var(txn.route) var(txn.host),map_str({sni})",
        f"tcp-request content set-log-level silent if {missing} {named}",
        f"tcp-request content accept if {missing} {named}",
        *_wildcards(sni, when),
        f"tcp-request content set-var(txn.route) str(*),map_str({sni}) {when}",
        f"tcp-request content set-log-level silent {when}",
        "tcp-request content reject if { var(txn.route) -m beg -- - }",
        "use_backend %[var(txn.route),field(1,|)] if { var(txn.route) -m found }",
        "default_backend tls",
    ]
    onward = f"server web unix@{options.inner('tls')} send-proxy-v2"
    backend = f"backend tls from {settings.TCP}\n    timeout server {max(TCP_IDLE)}s\n    {onward}\n"
    return f"{_frontend('sni', lines)}\n{backend}"


def _wildcards(sni: str, when: str) -> list[str]:
    lines = []
    for depth in range(web.DEEPEST):
        rest = f"var(txn.{'rest' if depth else 'host'}),field(2,.,0)"
        lines += [
            f"tcp-request content set-var(txn.rest) {rest} {when}",
            f'tcp-request content set-var-fmt(txn.key) "*.%[var(txn.rest)]" {when}',
            f"tcp-request content set-var(txn.route) var(txn.key),map_str({sni}) {when}",
        ]
    return lines


def _frontend(name: str, lines: list[str]) -> str:
    return f"frontend {name} from {settings.TCP}\n" + "".join(f"    {line}\n" for line in lines)
