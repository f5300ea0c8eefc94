"""``global``, the ring of the access log, and the ``defaults`` that the other parts build on."""

from __future__ import annotations

from ...wire.routing import FIRST_BYTE, IDLE
from .. import access_format, pages
from ..lua import SCRIPTS
from .options import Options

BASE, HELD, TCP = "base", "held", "tcp"  # names of defaults; classes of backends have some of their own, too
CONNECT = 300  # milliseconds: a server that drops packets is given up soon, and another one tried
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"


def section(options: Options) -> str:
    """All that stands before the first frontend."""
    return "\n".join([_globals(options), _ring(), http_defaults(BASE, options), tcp_defaults(TCP)])


def http_defaults(name: str, options: Options, *more: str) -> str:
    """A ``defaults`` section for HTTP called ``name``, with the lines ``more``."""
    own = "".join(f"    {line}\n" for line in more)
    errors = "".join(f"    http-error {pages.reference(page, options.folder)}\n" for page in pages.OWN_ERRORS)
    return f"""defaults {name}
    mode http
    option abortonclose
    option idle-close-on-response
    timeout connect {CONNECT}ms
    timeout client {IDLE:g}s
    timeout server {FIRST_BYTE:g}s
    timeout http-request 10s
    timeout http-keep-alive 60s
    timeout queue 30s
    timeout tunnel 1h
{own}{errors}"""


def tcp_defaults(name: str, *more: str) -> str:
    """A ``defaults`` section for connections of TCP.

    A failed check cuts none that stands: the kernel's own probes find out within half a minute that a server is gone.
    """
    own = "".join(f"    {line}\n" for line in more)
    return f"""defaults {name}
    mode tcp
    option srvtcpka
    srvtcpka-idle 10s
    srvtcpka-intvl 5s
    srvtcpka-cnt 3
    timeout connect {CONNECT}ms
    timeout client-fin 30s
    timeout server-fin 30s
    timeout queue 30s
{own}"""


def _globals(options: Options) -> str:
    lines = [
        "# Written by grille-haproxy at each start; what changes while it runs comes through the socket.",
        "global",
        "    stats timeout 1h",
        f"    fd-hard-limit {options.fd_limit}",
        "    noreuseport",
        "    tune.pattern.cache-size 0",
        "    tune.pool-low-fd-ratio 70",
        "    tune.pool-high-fd-ratio 80",
        "    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets",
        f"    ssl-default-bind-ciphers {CIPHERS}",
        f"    ssl-default-bind-ciphersuites {SUITES}",
        "    ssl-default-bind-curves X25519:P-256:P-384",
        "    tune.ssl.default-dh-param 2048",
        *(f"    lua-load-per-thread {options.path(f'lua/{name}')}" for name in SCRIPTS),
        *([f"    nbthread {options.threads}"] if options.threads else []),
        *([f"    user {options.user}", f"    group {options.user}"] if options.user else []),
    ]
    return "\n".join(lines) + "\n"


def _ring() -> str:
    return f"""ring {access_format.RING}
    format raw
    maxlen {access_format.LONGEST}
    size {access_format.RING_SIZE}
"""


def logged(line: str) -> list[str]:
    """The lines that make a frontend write ``line`` into the ring."""
    return [
        f"log ring@{access_format.RING} len {access_format.LONGEST} format raw local0",
        "option dontlognull",
        f'log-format "{line}"',
    ]
