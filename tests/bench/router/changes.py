"""The changes of the churn benchmark: they leave in place what the load asks for, but for the servers behind it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

from grille.wire.route_rules import default_idle
from grille.wire.routing import Route, Target
from tests.bench.router.world import CREATED, DOMAIN, Pem, Server, State, World, host, service

KINDS = ("server", "weight", "host route", "path route", "certificate", "tcp route")
FEWEST, MOST = 3, 6  # servers of a service
LIVE = 40  # routes or certificates of a kind that come and go
BYTES = 15  # apps that TCP routes lead to: each needs a backend of the pool for its idle timeout
SPLITS, SECURE = 10, 10  # routes with weights; hosts whose certificates are replaced under load


@dataclass(frozen=True)
class Change:
    """One change: ``ident`` of ``kind`` is put as it is here, or removed where there is nothing."""

    kind: str
    ident: str
    service: str = ""
    server: Server | None = None
    route: Route | None = None
    pem: Pem | None = None

    @property
    def removes(self) -> bool:
        """Whether something goes."""
        return self.server is None and self.route is None and self.pem is None


def apply(state: State, change: Change) -> Server | None:
    """Carry out ``change`` on ``state``; the server that it took out, if any."""
    if change.kind == "server":
        servers = state.services[change.service]
        if change.server is None:
            return servers.pop(change.ident)
        servers[change.ident] = change.server
    elif change.kind == "certificate":
        if change.pem is None:
            del state.certificates[change.ident]
        else:
            state.certificates[change.ident] = change.pem
    elif change.route is None:
        del state.routes[change.ident]
    else:
        state.routes[change.ident] = change.route
    return None


class Plan:
    """Makes changes at random, of all kinds equally often; ``state`` is what they lead to.

    Args:
        pems: certificates by domain, more than one for each: their number is that of replacements to choose from.
        tcp: ports for TCP routes; the first one's route stays.
    """

    def __init__(self, world: World, pems: dict[str, list[Pem]], tcp: range, seed: int = 1) -> None:
        self.world, self._pems, self._tcp = world, pems, tcp
        self._random, self._numbers = random.Random(seed), count()
        self._next_port = world.ports[-1] + 1
        self.state = self._start()

    def changes(self) -> Iterator[Change]:
        """The changes, without end; each is carried out on ``state`` as it is given."""
        makers: dict[str, Callable[[], Change]] = {
            "server": self._server,
            "weight": self._weight,
            "host route": self._host_route,
            "path route": self._path_route,
            "certificate": self._certificate,
            "tcp route": self._tcp_route,
        }
        while True:
            for kind in self._random.sample(KINDS, len(KINDS)):
                change = makers[kind]()
                apply(self.state, change)
                yield change

    def _start(self) -> State:
        state = self.world.state()
        for number in range(SPLITS):
            state.routes[f"w{number}"] = self._split(number, 50)
        for number in range(SECURE):
            name = secure_host(number)
            state.routes[f"t{number}"] = _route(f"t{number}", name, service(number % self.world.apps))
            state.certificates[f"t{number}"] = self._pems[name][0]
        state.routes["tcp-0"] = _tcp_route("tcp-0", self._tcp[0], service(0))
        return state

    def _server(self) -> Change:
        name = service(self._random.randrange(self.world.apps))
        servers = self.state.services[name]
        if len(servers) >= MOST or (len(servers) > FEWEST and self._random.random() < 0.5):
            return Change("server", self._random.choice(list(servers)), name)
        server = Server(f"{name}-n{next(self._numbers)}", self.world.address, self._next_port)
        self._next_port += 1
        return Change("server", server.ident, name, server=server)

    def _split(self, number: int, weight: int) -> Route:
        one, other = (service((number + offset) % self.world.apps) for offset in (0, 1))
        plain = _route(f"w{number}", split_host(number), one)
        return replace(plain, weight=weight, targets=[Target(service=other, weight=100 - weight)])

    def _weight(self) -> Change:
        number = self._random.randrange(SPLITS)
        return Change("weight", f"w{number}", route=self._split(number, self._random.randint(1, 99)))

    def _host_route(self) -> Change:
        return self._come_or_go("host route", "n", lambda ident: _route(ident, f"{ident}.{DOMAIN}", self._any()))

    def _path_route(self) -> Change:
        def made(ident: str) -> Route:
            return replace(_route(ident, host(self._random.randrange(self.world.apps)), self._any()), path=f"/{ident}")

        return self._come_or_go("path route", "p", made)

    def _tcp_route(self) -> Change:
        taken = {each.port for each in self.state.routes.values()}
        free = [port for port in self._tcp[1:] if port not in taken]
        return self._come_or_go("tcp route", "tcp", lambda ident: _tcp_route(ident, free[0], self._any(BYTES)))

    def _certificate(self) -> Change:
        if self._random.random() < 0.5:
            number = self._random.randrange(SECURE)
            return Change("certificate", f"t{number}", pem=self._random.choice(self._pems[secure_host(number)]))
        domain = self._random.choice([name for name in self._pems if not name.startswith("t")])
        ident = domain.partition(".")[0]
        return Change("certificate", ident, pem=None if ident in self.state.certificates else self._pems[domain][0])

    def _come_or_go(self, kind: str, prefix: str, make: Callable[[str], Route]) -> Change:
        """A route comes, or one that came goes: the more there are, the likelier."""
        there = [ident for ident in self.state.routes if ident.startswith(f"{prefix}x")]
        if self._random.random() < len(there) / LIVE / 2:
            return Change(kind, self._random.choice(there))
        ident = f"{prefix}x{next(self._numbers)}"
        return Change(kind, ident, route=make(ident))

    def _any(self, apps: int = 0) -> str:
        return service(self._random.randrange(min(apps, self.world.apps) or self.world.apps))


def secure_host(number: int) -> str:
    """A host that is asked over TLS while its certificate is replaced."""
    return f"t{number}.{DOMAIN}"


def split_host(number: int) -> str:
    """A host whose requests are split by weights."""
    return f"w{number}.{DOMAIN}"


def _route(ident: str, name: str, to: str) -> Route:
    return Route(id=ident, host=name, service=to, created=CREATED)


def _tcp_route(ident: str, port: int, to: str) -> Route:
    return Route(
        id=ident, host="", service=to, created=CREATED, kind="tcp", port=port, idle_timeout=default_idle("tcp")
    )
