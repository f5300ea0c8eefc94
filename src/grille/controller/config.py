"""The controller's settings, read once."""

from __future__ import annotations

from dataclasses import dataclass

from ..service.sealing import KEYS_FILE
from ..service.settings import Settings
from ..wire.errors import InvalidValue
from .planner import Images, Limits

PORT = 7411
TCP_PORTS = "20000-20099"


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Where routers listen (``tcp``: for connections of tcp routes), and the domain whose names lead to them."""

    http: int
    https: int
    tcp: range
    domain: str


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings. ``identity`` names this controller in the election; ``shelf_key`` and ``config_keys`` are files."""

    identity: str
    address: str
    port: int
    edge: Edge
    images: Images
    shelf_key: str
    config_keys: str
    limits: Limits

    @property
    def domain(self) -> str:
        """The domain of apps' default routes."""
        return self.edge.domain


def read(settings: Settings) -> Config:
    """The settings in the environment; raises InvalidValue naming the one that is wrong."""
    port = settings.integer("CONTROLLER_PORT", PORT)
    return Config(
        identity=f"{settings.host}-{port}",
        address=settings.address,
        port=port,
        edge=_edge(settings),
        images=Images(
            run=settings.text("RUN_IMAGE", "grille/run:latest"),
            build=settings.text("BUILD_IMAGE", "grille/build:latest"),
        ),
        shelf_key=settings.text("SHELF_KEY", "/etc/grille/shelf.key"),
        config_keys=settings.text("CONFIG_KEYS", KEYS_FILE),
        limits=_limits(settings),
    )


def _edge(settings: Settings) -> Edge:
    return Edge(
        http=settings.integer("ROUTER_HTTP_PORT", 80),
        https=settings.integer("ROUTER_HTTPS_PORT", 443),
        tcp=_ports(settings.given("ROUTER_TCP_PORTS", TCP_PORTS)),
        domain=settings.text("DOMAIN", "grille.localhost"),
    )


def _ports(text: str) -> range:
    if not text:
        return range(0)
    first, _, last = text.partition("-")
    if first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65536:
        return range(int(first), int(last) + 1)
    raise InvalidValue(f"GRILLE_ROUTER_TCP_PORTS is {text!r}", remedy=f"use a range like {TCP_PORTS}, or nothing")


def _limits(settings: Settings) -> Limits:
    usual = Limits()
    return Limits(
        services=settings.integer("LIMIT_DEPLOYMENTS", usual.services),
        ephemeral=settings.integer("LIMIT_RUNS", usual.ephemeral),
        builds=settings.integer("LIMIT_BUILDS", usual.builds),
        host_grace=settings.number("HOST_GRACE", usual.host_grace),
        deployment_step=settings.number("DEPLOYMENT_STEP", usual.deployment_step),
    )
