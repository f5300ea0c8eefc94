"""The entry: one state, one time, the actions to take."""

from __future__ import annotations

from collections.abc import Iterator

from .apps import destroy, failed_releases, forget
from .deployment import Deployments
from .formation import converge, stop_all
from .tickets import prune, unwanted
from .types import Action, Limits, State
from .view import View
from .work import builds, reap, runs


def plan(state: State, limits: Limits, now: float) -> list[Action]:
    """What is to be done next, in order. Empty when all is as desired, or when no host is live.

    With no live host it is the grid's eyes that failed, more likely than all its hosts: nothing is touched.

    Args:
        now: seconds since the epoch.
    """
    if not state.hosts:
        return []
    return list(_actions(View(state, limits, now)))


def _actions(view: View) -> Iterator[Action]:
    yield from unwanted(view)
    yield from destroy(view)
    deployments = Deployments(view)
    yield from deployments.decide()
    yield from _formations(view, deployments)
    yield from runs(view)
    yield from builds(view)
    yield from reap(view)
    yield from failed_releases(view)
    yield from forget(view)
    yield from prune(view)


def _formations(view: View, deployments: Deployments) -> Iterator[Action]:
    for name in sorted(view.state.apps):
        if view.app(name) is None or name in deployments.changing:
            continue
        formation = view.state.formations.get(name)
        release = view.current(name)
        if formation is None or not formation.release:
            yield from stop_all(view, name)
        elif release is not None:  # a release that is not there is a gap in what is seen: touch nothing
            yield from converge(view, formation, release, deploying=name in deployments.running)
