"""Talking with HAProxy: ask what it holds and how busy it is, carry out actions. The thin edge below the plan."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from . import stats
from .actions import Action
from .actual import parse_info, parse_map, parse_servers
from .cli import Cli
from .draining import Name
from .model import Actual
from .pool import WAIT

ACCEPTED = (
    "New server registered",
    "Server deleted",
    "IP changed",
    "port changed",
    "no need to change",
    "nothing changed",
)


async def ask(cli: Cli, folder: str) -> Actual:
    """All that HAProxy holds of ours: a backend without a placeholder is not one of a pool.

    Args:
        folder: where HAProxy's configuration says that the maps are.
    """
    info, servers, routes, services = await cli.run(
        ["show info", "show servers state", f"show map {folder}/routes.map", f"show map {folder}/services.map"]
    )
    pid, version, uptime = parse_info(info)
    return Actual(
        pid=pid,
        version=version,
        started=time.time() - uptime,
        backends={name: each for name, each in parse_servers(servers).items() if WAIT in each},
        routes=parse_map(routes),
        services=parse_map(services),
    )


async def carry_out(cli: Cli, actions: Sequence[Action], actual: Actual, folder: str) -> list[tuple[Action, str]]:
    """Do ``actions`` and keep ``actual`` in step; those that HAProxy refused, with its answers."""
    lines = [action.lines(folder) for action in actions]
    answers = iter(await cli.run([line for each in lines for line in each]))
    refused: list[tuple[Action, str]] = []
    for action, each in zip(actions, lines, strict=True):
        bad = [answer for answer in [next(answers) for _ in each] if not accepted(answer)]
        if bad:
            refused.append((action, bad[0].splitlines()[0]))
        else:
            action.apply(actual)
    return refused


def accepted(answer: str) -> bool:
    """Whether HAProxy's answer to a change says that it was done."""
    return not answer or answer.startswith(ACCEPTED)


async def sessions(cli: Cli, names: Iterable[Name]) -> dict[Name, int]:
    """The present sessions of the servers in the backends that ``names`` name."""
    backends = sorted({backend for backend, _ in names})
    answers = await cli.run([f"show stat {backend} 4 -1" for backend in backends])
    return {
        (row["pxname"], row["svname"]): stats.number(row, "scur") for answer in answers for row in stats.rows(answer)
    }
