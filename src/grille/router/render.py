"""HAProxy's configuration and maps, from settings and what was saved: as text (pure), and laid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import certificate, pages
from .pool import CLASSES, SERVER_OPTIONS, WAIT_SERVER, backend_name
from .saved import Saved, SavedService, write

SOCKET = "haproxy.sock"

# A request without a server waits for one: HAProxy pauses between two tries as long as a connection may take (a
# second at most), so a short limit on connections finds the new instance soon, and the tries add up to 12 s.
CONNECT = 300  # milliseconds
RETRIES = 40


@dataclass(frozen=True)
class Options:
    """What the launcher found out or was told.

    Args:
        folder: where maps, pages, certificate and socket are; the same path in HAProxy's container and the daemon's.
        bind: addresses to listen on, ``*`` for all. http_port, https_port: 0 leaves one out.
        pools: backends to declare per class.
        fd_limit: file descriptors that HAProxy may use; it works out its own maxconn from them.
        user: whom to become after binding; empty: stay.
    """

    folder: Path
    bind: tuple[str, ...] = ("*",)
    http_port: int = 80
    https_port: int = 443
    pools: tuple[tuple[str, int], ...] = (("http", 1000),)
    fd_limit: int = 20000
    user: str = ""


def lay(options: Options, saved: Saved) -> Path:
    """Write the configuration and all that it names; its path. Raises Unavailable: no certificate can be made."""
    pages.lay(options.folder / "pages")
    if options.https_port:
        certificate.ensure(options.folder / "certs")
    for name, text in maps(options, saved).items():
        write(options.folder / name, text.encode())
    path = options.folder / "haproxy.cfg"
    write(path, configuration(options, saved).encode())
    return path


def configuration(options: Options, saved: Saved) -> str:
    """The whole configuration file."""
    parts = [_globals(options), _defaults(options), _frontend(options), *_backends(options, saved)]
    return "\n".join(parts)


def maps(options: Options, saved: Saved) -> dict[str, str]:
    """The map files by name; services without a backend in this configuration are left out."""
    services = {name: each.backend for name, each in placed(options, saved).items()}
    return {"routes.map": _map(saved.routes), "services.map": _map(services)}


def placed(options: Options, saved: Saved) -> dict[str, SavedService]:
    """The saved services whose backends still exist (a pool may have been made smaller) and are theirs alone."""
    limits = dict(options.pools)
    taken: set[str] = set()
    found: dict[str, SavedService] = {}
    for name, service in sorted(saved.services.items()):
        pool, _, number = service.backend.rpartition("-")
        if number.isdigit() and int(number) < limits.get(pool, 0) and service.backend not in taken:
            taken.add(service.backend)
            found[name] = service
    return found


def _map(table: dict[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in sorted(table.items()))


def _globals(options: Options) -> str:
    who = f"    user {options.user}\n    group {options.user}\n" if options.user else ""
    return f"""# Written by grille-haproxy at each start; what changes while it runs comes through the socket.
global
    stats timeout 1h
    fd-hard-limit {options.fd_limit}
    noreuseport
    tune.pool-low-fd-ratio 70
    tune.pool-high-fd-ratio 80
    ssl-default-bind-options ssl-min-ver TLSv1.2
{who}"""


def _defaults(options: Options) -> str:
    errors = "\n".join(f"    http-error {pages.reference(page, options.folder / 'pages')}" for page in pages.OWN_ERRORS)
    return f"""defaults
    mode http
    option redispatch 1
    option forwardfor
    option idle-close-on-response
    retry-on conn-failure
    retries {RETRIES}
    timeout connect {CONNECT}ms
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
    timeout http-keep-alive 60s
    timeout queue 30s
    timeout tunnel 1h
{errors}
"""


def _frontend(options: Options) -> str:
    folder = options.folder
    return f"""frontend web
{_binds(options)}
    http-request set-var(txn.host) req.hdr(host),host_only,rtrim(.),lower
    http-request set-var-fmt(txn.key) "%[var(txn.host)]%[path]/"
    http-request set-var(txn.service) var(txn.key),map_beg({folder}/routes.map)
    http-request set-var(txn.backend) var(txn.service),map_str({folder}/services.map)
    http-request return {pages.reference(pages.NO_ROUTE, folder / "pages")} unless {{ var(txn.service) -m found }}
    http-request return {pages.reference(pages.NO_SERVER, folder / "pages")} unless {{ var(txn.backend) -m found }}
    http-request del-header Proxy
    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header X-Request-Start t=%[date(0,ms)]
    http-request set-header X-Request-Id %[uuid()] unless {{ req.hdr(X-Request-Id) -m reg ^[A-Za-z0-9-]{{20,200}}$ }}
    use_backend %[var(txn.backend)]
"""


def _binds(options: Options) -> str:
    lines = [f"    bind {address}:{options.http_port}" for address in options.bind if options.http_port]
    tls = f"ssl crt {options.folder}/certs/default.pem alpn h2,http/1.1"
    lines += [f"    bind {address}:{options.https_port} {tls}" for address in options.bind if options.https_port]
    return "\n".join(lines)


def _backends(options: Options, saved: Saved) -> list[str]:
    holders = {service.backend: service for service in placed(options, saved).values()}
    return [
        _backend(name, CLASSES[pool].directives, holders.get(name))
        for pool, count in options.pools
        for name in (backend_name(pool, number) for number in range(count))
    ]


def _backend(name: str, directives: tuple[str, ...], holder: SavedService | None) -> str:
    servers = [f"server {ident} {each} {SERVER_OPTIONS}" for ident, each in (holder.servers if holder else {}).items()]
    wait = WAIT_SERVER if holder else f"{WAIT_SERVER} disabled"
    return "\n    ".join([f"backend {name}", *directives, *servers, wait]) + "\n"
