"""The records of the users' distributed configuration, and of operators' locks. Times are seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ConfigVersion:
    """One version of the configuration of a scope: ``apps/<app>``, or ``shared/<set>`` that apps name in ``shared``.

    ``values`` and ``secrets`` become environment variables (a change of them makes a release); secrets are sealed.
    ``live`` values are read and watched by running jobs, and never in an environment.
    """

    scope: str
    version: int
    created: float
    values: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock that is held or waited for: of the entries of one ``name``, the one created first holds it.

    The key lives under a lease: ``expires`` is when it goes by itself.
    """

    name: str
    id: str
    owner: str
    reason: str = ""
    created: float
    expires: float
