"""The records of the users' distributed configuration, and of operators' locks. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

APP_SCOPES, SHARED_SCOPES = "apps/", "shared/"
KINDS = ("values", "secrets", "live")


@dataclass(frozen=True, kw_only=True)
class ConfigVersion:
    """One version of the configuration of a scope: ``apps/<app>``, or ``shared/<set>`` that apps name in ``shared``.

    ``values`` and ``secrets`` become environment variables (a change of them makes a release); secrets are sealed.
    ``live`` values are read and watched by running jobs, and never in an environment. ``release``: the release that
    was made with it, 0 when none had to be.
    """

    scope: str
    version: int
    created: float
    values: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)
    release: int = 0
    description: str = ""


@dataclass(frozen=True)
class Merged:
    """What several scopes make together; each name is of one kind. Secrets are sealed.

    ``versions``: the version of each scope that it comes from.
    """

    values: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)


def merge(layers: Iterable[ConfigVersion]) -> Merged:
    """``layers`` laid over one another, the last one on top: a name in it hides the same name below, of any kind."""
    made = Merged()
    for layer in layers:
        for kind in KINDS:
            for name, value in getattr(layer, kind).items():
                for other in KINDS:
                    getattr(made, other).pop(name, None)
                getattr(made, kind)[name] = value
        if layer.version:
            made.versions[layer.scope] = layer.version
    return made


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """A change of the shared set ``name`` on its way: ``apps`` are those that are still to get a release of it."""

    name: str
    version: int
    created: float
    apps: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock that is held or waited for: of the entries of one ``name``, the one created first holds it.

    The key lives under a lease: ``expires`` is when it goes by itself. ``since`` is when it came to hold the lock,
    0 while it waits.
    """

    name: str
    id: str
    owner: str
    reason: str = ""
    created: float
    since: float = 0.0
    expires: float
