"""Who leads a service: pure."""

from __future__ import annotations

from ..wire.discovery import LeaderRule
from .members import Members, Registered


def leader_of(rule: LeaderRule, members: Members) -> Registered | None:
    """Who of ``members`` leads by ``rule``; None when nobody does. All who look find the same one."""
    if rule.mode == "manual":
        return members.get(rule.instance)
    if rule.mode == "metadata":
        agree = (each for each in members if each.instance.metadata.get(rule.key) == rule.value)
        return next(agree, None)
    return next(iter(members), None)
