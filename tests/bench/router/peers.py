"""Plain configurations with what a State holds, as somebody would write them by hand: HAProxy, nginx, Caddy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grille.wire.routing import Route
from tests.bench.router.world import Server, State

CHECK = "check inter 2s fastinter 500ms downinter 1s fall 2 rise 1 observe layer4 error-limit 2 on-error mark-down"
HEADERS = """
    option forwardfor
    http-request del-header Proxy
    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header X-Request-Start t=%[date(0,ms)]
    http-request set-header X-Request-Id %[uuid()] unless { req.hdr(X-Request-Id) -m reg ^[A-Za-z0-9-]{20,200}$ }"""


@dataclass(frozen=True)
class Ports:
    """Where a peer listens; 0: not."""

    http: int
    https: int = 0
    admin: int = 0


def haproxy(
    state: State, folder: Path, ports: Ports, *, bare: bool = False, retry: bool = False, reload: bool = False
) -> str:
    """A configuration of HAProxy; writes the map and the certificates that it names into ``folder``.

    Args:
        bare: without the forwarded headers and the log. retry: idempotent requests that got no answer are sent again.
        reload: listeners can be handed over, and idle connections are closed after an answer.
    """
    pairs = [(_key(each), _backend(each)) for each in http_routes(state)]
    (folder / "static.map").write_text("".join(f"{key} {name}\n" for key, name in sorted(pairs)))
    tls = f"\n    bind 127.0.0.1:{ports.https} ssl crt {_certificates(state, folder)} alpn h2,http/1.1"
    return f"""global
    stats socket {folder}/static.sock mode 600 level admin{" expose-fd listeners" if reload else ""}
    fd-hard-limit 20000
    noreuseport
    {"hard-stop-after 300s" if reload else ""}
    tune.pool-low-fd-ratio 70
    tune.pool-high-fd-ratio 80
    {"" if bare else "log ring@access format raw local0"}
defaults
    mode http
    {"" if bare else "log global"}
    {"" if bare else "option httplog"}
    option redispatch 1
    {"option idle-close-on-response" if reload else ""}
    retries 3
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
    timeout http-keep-alive 60s
{"" if bare else RING}
frontend web
    bind 127.0.0.1:{ports.http}{tls if ports.https else ""}{"" if bare else HEADERS}
    http-request set-var(txn.host) req.hdr(host),host_only,lower
    http-request set-var-fmt(txn.key) "%[var(txn.host)]%[path]/"
    use_backend %[var(txn.key),map_beg({folder}/static.map)]
""" + "\n".join([*_tcp(state), *_backends(state, RETRY if retry else "")])


RETRY = """
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE TRACE }"""
RING = """ring access
    format raw
    maxlen 1200
    size 262144
"""


def _tcp(state: State) -> Iterator[str]:
    for each in state.routes.values():
        if each.kind == "tcp":
            name = f"tcp-{each.port}"
            yield f"frontend {name}\n    mode tcp\n    bind 127.0.0.1:{each.port}\n    default_backend {name}\n"
            yield f"backend {name}\n    mode tcp\n    balance roundrobin"
            yield "".join(_line(one, 1) for one in state.services[each.service].values())


def _backends(state: State, more: str) -> Iterator[str]:
    for name, shares in upstreams(state).items():
        lines = "".join(_line(one, max(1, weight)) for one, weight in shares)
        yield f"backend {name}\n    balance roundrobin{more}\n{lines}"


def _line(server: Server, weight: int) -> str:
    return f"    server {server.ident} {server.address}:{server.port} weight {weight} {CHECK}\n"


def _certificates(state: State, folder: Path) -> Path:
    path = folder / "certs"
    path.mkdir(exist_ok=True)
    wanted = {f"{ident}.pem": each.chain + each.key for ident, each in state.certificates.items()}
    for old in path.iterdir():
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (path / name).write_text(text)
    return path


def http_routes(state: State) -> list[Route]:
    """The routes of HTTP."""
    return [each for each in state.routes.values() if each.kind == "http"]


def upstreams(state: State) -> dict[str, list[tuple[Server, int]]]:
    """For each set of servers that routes lead to, its servers and their weights (of 256, the heaviest service's)."""
    found: dict[str, list[tuple[Server, int]]] = {}
    for each in http_routes(state):
        if _backend(each) in found:
            continue
        shares = {each.service: each.weight} | {target.service: target.weight for target in each.targets}
        found[_backend(each)] = [
            (server, round(100 * weight / max(1, sum(shares.values()))) if each.targets else 1)
            for name, weight in shares.items()
            for server in state.services[name].values()
        ]
    return found


def _backend(each: Route) -> str:
    return f"split-{each.id}" if each.targets else each.service


def _key(each: Route) -> str:
    return f"{each.host}{each.path.rstrip('/')}/"


def nginx(state: State, folder: Path, ports: Ports) -> str:
    """A configuration of nginx; writes the certificates that it names into ``folder``. It has no TCP routes."""
    certs = _certificates(state, folder) if ports.https else folder
    by_domain = {each.domain: ident for ident, each in state.certificates.items()}
    hosts: dict[str, list[Route]] = {}
    for each in http_routes(state):
        hosts.setdefault(each.host, []).append(each)
    blocks = [_upstream(name, shares) for name, shares in upstreams(state).items()]
    blocks += [
        _server(name, routes, ports, certs / f"{by_domain[name]}.pem" if name in by_domain else None)
        for name, routes in hosts.items()
    ]
    return f"""daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log;
events {{ worker_connections 9000; }}
http {{
    access_log off;
    server_names_hash_max_size 32768;
    server_names_hash_bucket_size 128;
    client_body_temp_path {folder}/nginx.body;
    proxy_temp_path {folder}/nginx.proxy;
    fastcgi_temp_path {folder}/nginx.fastcgi;
    uwsgi_temp_path {folder}/nginx.uwsgi;
    scgi_temp_path {folder}/nginx.scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 60s;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Request-Start t=$msec;
    proxy_set_header X-Request-Id $request_id;
    server {{ listen 127.0.0.1:{ports.http} default_server; return 404; }}
{"".join(blocks)}}}
"""


def _upstream(name: str, shares: list[tuple[Server, int]]) -> str:
    lines = "".join(f"server {one.address}:{one.port} weight={max(1, weight)}; " for one, weight in shares)
    return f"    upstream {name} {{ {lines}keepalive 16; keepalive_requests 1000000000; }}\n"


def _server(name: str, routes: list[Route], ports: Ports, pem: Path | None) -> str:
    places = "".join(f"location {one.path} {{ proxy_pass http://{_backend(one)}; }} " for one in routes)
    tls = f"listen 127.0.0.1:{ports.https} ssl; ssl_certificate {pem}; ssl_certificate_key {pem}; " if pem else ""
    return f"    server {{ listen 127.0.0.1:{ports.http}; {tls}server_name {name}; {places}}}\n"


def caddy(state: State, ports: Ports) -> str:
    """A configuration of Caddy, JSON: a route for the hosts of each app, as sites are. No weights (2.6), no TCP."""
    hosts: dict[str, dict[str, str]] = {}
    for each in http_routes(state):
        hosts.setdefault(each.host, {})[each.path] = _backend(each)
    sites: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, paths in hosts.items():
        longest_first = sorted(paths.items(), key=lambda item: (-len(item[0]), item[0]))
        sites.setdefault(tuple(longest_first), []).append(name)
    backends = upstreams(state)
    routes = [_site(names, paths_, backends) for paths_, names in sites.items()]
    listen = [f"127.0.0.1:{ports.http}"]
    server = {"listen": listen, "routes": routes, "automatic_https": {"disable": True}}
    servers: dict[str, Any] = {"web": server}
    apps: dict[str, Any] = {"http": {"servers": servers, "grace_period": "300s"}}
    if ports.https:
        servers["tls"] = {**server, "listen": [f"127.0.0.1:{ports.https}"], "tls_connection_policies": [{}]}
        pairs = [{"certificate": each.chain, "key": each.key} for each in state.certificates.values()]
        apps["tls"] = {"certificates": {"load_pem": pairs}}
    admin = {"listen": f"127.0.0.1:{ports.admin}", "config": {"persist": False}}
    return json.dumps({"admin": admin, "logging": {"logs": {"default": {"level": "ERROR"}}}, "apps": apps})


def _site(
    hosts: list[str], paths: tuple[tuple[str, str], ...], backends: dict[str, list[tuple[Server, int]]]
) -> dict[str, Any]:
    """The hosts that lead to the same places by the same paths."""
    inner = [
        {"match": [{"path": [f"{path.rstrip('/')}/*"]}], "handle": [_proxy(backends[name])], "terminal": True}
        for path, name in paths
    ]
    return {"match": [{"host": hosts}], "handle": [{"handler": "subroute", "routes": inner}], "terminal": True}


def _proxy(shares: list[tuple[Server, int]]) -> dict[str, Any]:
    upstreams_ = [{"dial": f"{one.address}:{one.port}"} for one, _ in shares]
    headers = {"request": {"set": {"X-Request-Id": ["{http.request.uuid}"]}}}
    return {
        "handler": "reverse_proxy",
        "upstreams": upstreams_,
        "load_balancing": {"selection_policy": {"policy": "round_robin"}},
        "headers": headers,
        "transport": {"protocol": "http", "keep_alive": {"max_idle_conns_per_host": 64}},
    }
