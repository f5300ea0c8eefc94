"""What discoverd answers about things outside the grid."""

from __future__ import annotations

from dataclasses import dataclass

from ...wire.discovery import Outside
from ..answers import Fresh


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Something outside the grid, and what is known of its check.

    ``passing``: null until it is decided. ``since``: when it became so (Unix time), ``reason``: why the last check
    failed; both are known to the discoverd of the host ``checked_by`` alone. Others say whether the instance is there.
    """

    outside: Outside
    passing: bool | None
    since: float | None
    reason: str
    checked_by: str


@dataclass(frozen=True, kw_only=True)
class CheckedOne(Checked, Fresh):
    """One of them."""


@dataclass(frozen=True, kw_only=True)
class CheckedAll(Fresh):
    """All of them, or a service's, in the order of services and ids."""

    outside: list[Checked]


@dataclass(frozen=True, kw_only=True)
class OutsideRegistered(Checked):
    """A registration; ``revision``: of the record's last write."""

    changed: bool
    revision: int


@dataclass(frozen=True, kw_only=True)
class OutsideDeleted:
    """A removal; ``revision``: of the write."""

    deleted: bool
    revision: int
