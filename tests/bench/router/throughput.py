"""What a request costs: Grille's router beside static configurations of HAProxy, nginx and Caddy, in one run.

``python -m tests.bench.router.throughput [--rounds 5] [--seconds 2] [--apps 1000] [--quick]``, from the root; wants two
cores, ``wrk``, ``haproxy``, ``nginx`` and ``caddy`` (what is missing is left out). Each router runs on core 0, alone
there and with one thread; wrk, the instances and Grille's daemon share core 1, which bounds requests/s; wrk and
the instances wait there for nobody (``SCHED_RR``), as if it were theirs. Two cases: one
app with 4 servers and 10 routes, and 1,000 apps with 4 each and 10,000 routes, requests going to a host and path at
random. In each round each router has its turn twice: 64 connections as fast as they can (requests/s, CPU per request),
and twice as long 64 connections with pauses, about 4,000 requests/s (p50, p99, CPU per request). Medians of the rounds;
the ratios are to the row ``static`` that does the same for a request.

- ``grille``: etcd, daemon and HAProxy as in production, the routes from the store.
- ``static``: HAProxy, its routes in a map (``map_beg``), Grille's headers, checks and retries, ``httplog`` in a ring.
- ``grille once``, ``static once``: the same, but nothing that got no answer is sent again (routes with ``resend`` off).
- ``bare``: as ``static once``, without headers and log.
- ``nginx``: the same headers, no checks, no log. ``caddy``: its own headers, no checks, no log.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from tests.bench.router import peers, processes
from tests.bench.router.backends import backends
from tests.bench.router.figures import median, table
from tests.bench.router.grille import grille
from tests.bench.router.world import World, shuffled
from tests.bench.router.wrk import Run, Wrk
from tests.support.etcd import free_port

PROXY, LOAD = "0", "1"  # cores
PAUSE = 16  # milliseconds between two requests of one of 64 connections: about 4,000/s
WARM = 1.0  # seconds


@dataclass
class Row:
    """A router under test; the processes that serve, all that belong to it, and those that only look on; figures."""

    name: str
    port: int
    pids: Callable[[], list[int]]
    all: Callable[[], list[int]]
    beside: Callable[[], list[int]] = list
    peer: str = "static"  # the row that ratios are to
    flat: list[tuple[Run, float]] = field(default_factory=list)
    paced: list[tuple[Run, float]] = field(default_factory=list)
    aside: list[float] = field(default_factory=list)  # microseconds a request of the processes beside, at the pace

    def cost(self, runs: list[tuple[Run, float]]) -> float:
        """Microseconds of processor time for a request."""
        return median([1e6 * used / run.requests for run, used in runs])

    def figures(self) -> list[float]:
        """The columns of the table."""
        return [
            median([run.requests / run.seconds for run, _ in self.flat]),
            self.cost(self.flat),
            self.cost(self.paced),
            median([run.p50 for run, _ in self.paced]),
            median([run.p99 for run, _ in self.paced]),
        ]


@asynccontextmanager
async def peer(name: str, command: list[str], port: int, folder: Path) -> AsyncIterator[Row]:
    """A peer that runs on its core."""
    process = processes.start(command, folder / f"{name}.log", cores=PROXY, environ={"HOME": str(folder)})
    try:
        await asyncio.to_thread(processes.wait_port, port, timeout=60)
        pids = partial(processes.family, process.pid)
        yield Row(name, port, pids, pids)
    finally:
        processes.end(process)


@asynccontextmanager
async def ours(world: World, folder: Path, *, resend: bool) -> AsyncIterator[Row]:
    """Grille's router, with the routes of ``world``."""
    name = "grille" if resend else "grille once"
    state = world.state()
    state.routes = {ident: replace(each, resend=resend) for ident, each in state.routes.items()}
    where = folder / ("g" if resend else "o")
    where.mkdir(mode=0o755)
    async with grille(where, pool=world.apps + 100, cores=(PROXY, LOAD)) as router:
        await router.acknowledged(await router.load(state), timeout=120)
        pids = (router.haproxies, router.everyone, router.daemons)
        yield Row(name, router.http, *pids, peer="static" if resend else "static once")


def commands(world: World, folder: Path, ports: dict[str, int]) -> dict[str, list[str]]:
    """The peers' commands by name, their configurations written."""
    state = world.state()
    found: dict[str, list[str]] = {}
    for name in ("static", "static once", "bare"):
        where = folder / name.replace(" ", "-")  # HAProxy's paths have no blanks
        where.mkdir()
        (where / "haproxy.cfg").write_text(
            peers.haproxy(state, where, peers.Ports(ports[name]), bare=name == "bare", retry=name == "static")
        )
        found[name] = ["haproxy", "-db", "-f", str(where / "haproxy.cfg")]
    if processes.have("nginx"):
        (folder / "nginx.conf").write_text(peers.nginx(state, folder, peers.Ports(ports["nginx"])))
        found["nginx"] = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.error.log")]
    if processes.have("caddy"):
        (folder / "caddy.json").write_text(peers.caddy(state, peers.Ports(ports["caddy"], admin=free_port())))
        found["caddy"] = ["caddy", "run", "--config", str(folder / "caddy.json")]
    return found


async def case(apps: int, rounds: int, seconds: float) -> list[Row]:
    """All routers with ``apps`` apps, in alternation."""
    world = World(apps, f"127.77.{os.getpid() % 250 + 1}.1")
    with tempfile.TemporaryDirectory(prefix="gr-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        ports = {each: free_port() for each in ("static", "static once", "bare", "nginx", "caddy")}
        async with AsyncExitStack() as stack:
            stack.enter_context(backends(folder, world.address, world.ports, cores=LOAD))
            rows = [await stack.enter_async_context(ours(world, folder, resend=resend)) for resend in (True, False)]
            for each, command in commands(world, folder, ports).items():
                rows.append(await stack.enter_async_context(peer(each, command, ports[each], folder)))
            wrk = Wrk(folder, shuffled(world.targets(0)), cores=LOAD)
            for number in range(rounds):
                for row in rows[number % len(rows) :] + rows[: number % len(rows)]:
                    await asyncio.to_thread(turn, row, rows, wrk, seconds)
    return rows


def turn(row: Row, rows: list[Row], wrk: Wrk, seconds: float) -> None:
    """Measure ``row`` once, the others standing still: their health checks would take its core."""
    others = [pid for each in rows if each is not row for pid in each.all()]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        wrk.run(row.port, WARM)
        for into, pause, length in ((row.flat, 0, seconds), (row.paced, PAUSE, 2 * seconds)):
            pids = row.pids()
            before, beside = processes.cpu(pids), processes.cpu(row.beside())
            run = wrk.run(row.port, length, pause=pause)
            if not run.requests:
                raise RuntimeError(f"{row.name} answered nothing in {length:g} s")
            into.append((run, processes.cpu(pids) - before))
        row.aside.append(1e6 * (processes.cpu(row.beside()) - beside) / run.requests)
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def report(apps: int, rows: list[Row]) -> str:
    """Print the table of one case; its line of ratios."""
    figures = {row.name: row.figures() for row in rows}
    head = "|requests/s|us CPU|us at 4,000/s|p50 ms|p99 ms|failed|CPU ratio|ratio at 4,000/s|p99 ratio"
    lines: list[list[object]] = [list(head.split("|"))]
    for row in rows:
        each, peer = figures[row.name], figures[row.peer]
        failed = sum(run.failed for run, _ in row.flat + row.paced)
        lines.append([row.name, *each, failed, each[1] / peer[1], each[2] / peer[2], each[4] / peer[4]])
    what = f"{apps:,} app{'s' if apps > 1 else ''}"
    print(f"\n{what}, {apps * 4:,} servers, {apps * 10:,} routes\n{table(lines)}", flush=True)
    print(f"grille's daemon beside it, at 4,000/s: {median(rows[0].aside):.1f} us CPU for a request")
    said = []
    for row in rows[:2]:
        one, other = figures[row.name], figures[row.peer]
        ratios = [one[column] / other[column] for column in (1, 2, 4)]
        said.append("{} CPU {:.2f} (at 4,000/s {:.2f}), p99 {:.2f} of {}".format(row.name, *ratios, row.peer))
    return f"{what}: {', '.join(said)}"


def main() -> None:
    """Run it all and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="one round of a second, 50 apps")
    args = parser.parse_args()
    rounds, seconds, apps = (1, 1.0, 50) if args.quick else (args.rounds, args.seconds, args.apps)
    if not processes.have("wrk"):
        sys.exit(1)
    found, failed = [], 0
    for number in (1, apps):
        rows = asyncio.run(case(number, rounds, seconds))
        found.append(report(number, rows))
        failed += sum(run.failed for row in rows[:2] for run, _ in row.flat + row.paced)
    print(f"\n{'; '.join(found)}; {failed} requests of Grille's failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
