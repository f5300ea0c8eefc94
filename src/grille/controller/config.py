"""The controller's settings, read once."""

from __future__ import annotations

from dataclasses import dataclass

from ..service.sealing import KEYS_FILE
from ..service.settings import Settings
from .planner import Images, Limits

PORT = 7411


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings. ``identity`` names this controller in the election; ``shelf_key`` and ``config_keys`` are files."""

    identity: str
    address: str
    port: int
    domain: str
    http_port: int
    images: Images
    shelf_key: str
    config_keys: str
    limits: Limits


def read(settings: Settings) -> Config:
    """The settings in the environment; raises InvalidValue naming the one that is wrong."""
    port = settings.integer("CONTROLLER_PORT", PORT)
    return Config(
        identity=f"{settings.host}-{port}",
        address=settings.address,
        port=port,
        domain=settings.text("DOMAIN", "grille.localhost"),
        http_port=settings.integer("ROUTER_HTTP_PORT", 80),
        images=Images(
            run=settings.text("RUN_IMAGE", "grille/run:latest"),
            build=settings.text("BUILD_IMAGE", "grille/build:latest"),
        ),
        shelf_key=settings.text("SHELF_KEY", "/etc/grille/shelf.key"),
        config_keys=settings.text("CONFIG_KEYS", KEYS_FILE),
        limits=_limits(settings),
    )


def _limits(settings: Settings) -> Limits:
    usual = Limits()
    return Limits(
        services=settings.integer("LIMIT_DEPLOYMENTS", usual.services),
        ephemeral=settings.integer("LIMIT_RUNS", usual.ephemeral),
        builds=settings.integer("LIMIT_BUILDS", usual.builds),
        host_grace=settings.number("HOST_GRACE", usual.host_grace),
        deployment_step=settings.number("DEPLOYMENT_STEP", usual.deployment_step),
    )
