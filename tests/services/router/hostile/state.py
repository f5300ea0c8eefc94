"""All that HAProxy holds, as far as anybody could have changed it through its runtime socket."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from grille.router.model import MAPS
from tests.services.router.rig import Router

Table = dict[str, str]
SETTLE = 15.0  # seconds that drained servers may take to go


@dataclass(frozen=True)
class State:
    """``maps`` by name, servers with their addresses, the frontends' states; ``other``: certificates, limits."""

    maps: dict[str, Table]
    servers: frozenset[tuple[str, str, str]]
    frontends: Table
    other: tuple[str, ...]


async def held(router: Router) -> State:
    """What it holds when nothing is on its way out any more."""
    await router.status(lambda status: not status.drains, timeout=SETTLE)
    return await asyncio.to_thread(_state, router)


def _state(router: Router) -> State:
    maps = {name: _map(router, name) for name in MAPS}
    listed = f"show ssl crt-list {router.folder}/certs/list.txt"
    servers, stat, certs, lists, info = router.runtime(
        "show servers state", "show stat -1 1 -1", "show ssl cert", listed, "show info"
    )
    limits = re.findall(r"^(?:Maxconn|MaxSslConns|MaxConnRate|MaxSessRate|MaxSslRate|Pid): .*$", info, re.MULTILINE)
    return State(maps, _servers(servers), _frontends(stat), (certs, lists, *limits))


def _map(router: Router, name: str) -> Table:
    (text,) = router.runtime(f"show map {router.folder}/{name}.map")
    lines = [line.split(" ", 2) for line in text.splitlines() if line.startswith("0x")]
    table = {key: value for _, key, value in lines}
    assert len(table) == len(lines), f"twice in {name}: {lines}"
    return table


def _servers(text: str) -> frozenset[tuple[str, str, str]]:
    rows = [line.split(" ") for line in text.splitlines() if re.match(r"\d+ ", line)]
    return frozenset((row[1], row[3], f"{row[4]}:{row[18]}") for row in rows if row[3] != "_wait")


def _frontends(text: str) -> Table:
    lines = text.splitlines()
    column = lines[0].removeprefix("# ").split(",").index("status")
    return {line.split(",")[0]: line.split(",")[column] for line in lines[1:] if line}
