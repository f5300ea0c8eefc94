"""Who leads a service: pure."""

from __future__ import annotations

from ..wire.discovery import LeaderRule, may_lead
from .members import Members, Registered


def leader_of(rule: LeaderRule, members: Members) -> Registered | None:
    """Who of ``members`` leads by ``rule``; None when nobody does. All who look find the same one."""
    if rule.mode == "manual":
        return members.get(rule.instance)
    return next((each for each in members if may_lead(rule, each.instance)), None)
