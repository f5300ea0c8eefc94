"""Talking with HAProxy: ask what it holds and how busy it is, carry out actions. The thin edge below the plan."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from . import stats
from .actions import Action
from .actual import parse_info, parse_map, parse_servers
from .cli import Cli
from .model import MAPS, Actual, Name
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
    info, servers, *maps = await cli.run(
        ["show info", "show servers state", *(f"show map {folder}/{name}.map" for name in MAPS)]
    )
    pid, version, uptime = parse_info(info)
    backends = {name: each for name, each in parse_servers(servers).items() if WAIT in each}
    return Actual(
        pid=pid,
        version=version,
        started=time.time() - uptime,
        backends=backends,
        maps={name: parse_map(text) for name, text in zip(MAPS, maps, strict=True)},
        leaving={
            (at, name)
            for at, each in backends.items()
            for name, server in each.items()
            if name != WAIT and server.mode != "ready"
        },
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
    """The present sessions of each of the servers called ``names``; of one that is not there, 0."""
    counts = dict.fromkeys(names, 0)
    backends = sorted({backend for backend, _ in counts})
    for answer in await cli.run([f"show stat {backend} 4 -1" for backend in backends]):
        for row in stats.rows(answer):
            name = (row["pxname"], row["svname"])
            if name in counts:
                counts[name] = stats.number(row, "scur")
    return counts
