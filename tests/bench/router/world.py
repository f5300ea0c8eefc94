"""What the router's benchmarks route: apps, their servers, routes and certificates, for Grille and its peers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from grille.wire.routing import Route

DOMAIN = "bench.example"
FIRST_PORT = 10000  # below the ports that a grid takes for TCP routes, and that the system gives to clients
CREATED = 1.0


@dataclass(frozen=True)
class Server:
    """Where an instance listens."""

    ident: str
    address: str
    port: int


@dataclass(frozen=True)
class Target:
    """What one request asks, and the text its answer must begin with (empty: any)."""

    port: int
    host: str
    path: str = "/"
    expect: str = ""
    tls: bool = False

    @property
    def kind(self) -> str:
        """What it is, in a word: of a TCP route there is no host."""
        return "tls" if self.tls else "http" if "." in self.host else "tcp"

    def request(self, *, keep: bool = True) -> bytes:
        """The bytes of the request."""
        close = "" if keep else "Connection: close\r\n"
        return f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\n{close}\r\n".encode()


@dataclass(frozen=True)
class Pem:
    """A certificate's domain, chain and key."""

    domain: str
    chain: str
    key: str


@dataclass
class State:
    """What a router is to hold: servers by service, routes by id, certificates by id."""

    services: dict[str, dict[str, Server]] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    certificates: dict[str, Pem] = field(default_factory=dict)

    def copy(self) -> State:
        """One that changes on its own."""
        services = {name: dict(servers) for name, servers in self.services.items()}
        return State(services, dict(self.routes), dict(self.certificates))


@dataclass(frozen=True)
class World:
    """``apps`` apps of ``servers`` servers and ``routes`` routes each; all servers at ``address``, a port for each."""

    apps: int
    address: str
    servers: int = 4
    routes: int = 10

    @property
    def ports(self) -> range:
        """The ports of all servers."""
        return range(FIRST_PORT, FIRST_PORT + self.apps * self.servers)

    def state(self) -> State:
        """All of it, without certificates."""
        services = {service(app): {each.ident: each for each in self.instances(app)} for app in range(self.apps)}
        routes = {each.id: each for app in range(self.apps) for each in self.routes_of(app)}
        return State(services, routes)

    def instances(self, app: int) -> Iterator[Server]:
        """The servers of one app."""
        for number in range(self.servers):
            port = FIRST_PORT + app * self.servers + number
            yield Server(f"{service(app)}-{number}", self.address, port)

    def routes_of(self, app: int) -> Iterator[Route]:
        """The routes of one app: two paths of each of its hosts."""
        for number in range(self.routes):
            path = "/api" if number % 2 else "/"
            ident = f"r{app:04d}-{number}"
            yield Route(id=ident, host=host(app, number // 2), path=path, service=service(app), created=CREATED)

    def targets(self, port: int) -> list[Target]:
        """A request for each route, of the router at ``port``."""
        pairs = [(host(app, number // 2), number % 2) for app in range(self.apps) for number in range(self.routes)]
        return [Target(port, name, "/api/items" if api else "/") for name, api in pairs]


def service(app: int) -> str:
    """The name of an app's service."""
    return f"app{app:04d}-web"


def host(app: int, number: int = 0) -> str:
    """One of the host names of an app."""
    return f"h{number}.app{app:04d}.{DOMAIN}"


def shuffled(targets: list[Target]) -> list[Target]:
    """The same targets in an order that has nothing to do with the apps, and is the same in each run."""
    return random.Random(1).sample(targets, len(targets))


def at(targets: list[Target], port: int) -> list[Target]:
    """The same targets at another port."""
    return [replace(each, port=port) for each in targets]
