"""The records of discovery beside ``specs.Instance``: things outside the grid, and settings of services."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .specs import Instance

SETTINGS = ".settings"  # no instance can be called so: ids are DNS labels


@dataclass(frozen=True, kw_only=True)
class OutsideCheck:
    """How discoverd finds out that something outside the grid is well. Durations are seconds.

    ``http``: a GET of ``path`` that answers 200 to 399. ``threshold`` failures in a row take the instance out.
    """

    type: Literal["tcp", "http"] = "tcp"
    path: str = "/"
    interval: float = 5.0
    timeout: float = 2.0
    threshold: int = 3


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Something outside the grid, registered until it is deregistered; its instance stands while ``check`` passes."""

    instance: Instance
    check: OutsideCheck = field(default_factory=OutsideCheck)


@dataclass(frozen=True, kw_only=True)
class LeaderRule:
    """Who leads a service: its oldest instance, the one named, or the oldest with ``metadata[key] == value``."""

    mode: Literal["oldest", "manual", "metadata"] = "oldest"
    instance: str = ""
    key: str = ""
    value: str = ""


def may_lead(rule: LeaderRule, instance: Instance) -> bool:
    """Whether ``instance`` may lead by ``rule``; of those that may, the oldest leads."""
    if rule.mode == "manual":
        return instance.id == rule.instance
    return rule.mode == "oldest" or instance.metadata.get(rule.key) == rule.value


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What is set for a whole service, at ``services/<service>/.settings``."""

    service: str
    leader: LeaderRule = field(default_factory=LeaderRule)
    metadata: dict[str, str] = field(default_factory=dict)
