"""200 changes a second under load: Grille's router beside HAProxy and nginx with reloads and Caddy's API, in one run.

``python -m tests.bench.router.churn [--seconds 60] [--rate 1000] [--changes 200] [--quick]``, from the root.
40 apps of 4 servers. Each router serves 1,000 requests/s (half on kept connections, half each on a new one), 40 long
streams, and 20 TLS handshakes a second: ``--quiet`` seconds in quiet, ``--seconds`` with changes of all kinds, and
once more in quiet (so that a machine that gets slower or faster tells nothing). Changes (see ``changes``): servers,
weights, host routes, path routes, certificates, TCP routes. A new server listens before it is registered; one that
leaves is stopped at once when the router says that it is drained (Grille), or 5 s after the reload that leaves it out,
its streams let go on (peers: they do not say). Peers are reloaded at most twice a second with all changes since;
HAProxy's closes idle connections with an answer (``idle-close-on-response``). nginx and Caddy have no TCP routes here,
Caddy 2.6 has no weights: those changes are left out for them. Time to effect: from before a host route is put until a
new connection gets an answer by it. Load and instances stand for machines of their own and wait for no other process
(``SCHED_RR``); routers run at nice -10, as Grille's does by itself. Exits 1 when a request or stream of Grille's
failed.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from grille.wire.routing import Route
from tests.bench.router import processes
from tests.bench.router.changes import SECURE, SPLITS, Change, Plan, secure_host, split_host
from tests.bench.router.churn_report import Result, report
from tests.bench.router.grille import TCP_PORTS, grille
from tests.bench.router.instances import PACE, Instances
from tests.bench.router.load import Load, Mix, connect, wrong
from tests.bench.router.pem import Issuer
from tests.bench.router.sides import CaddySide, GrilleSide, HaproxySide, NginxSide, Side
from tests.bench.router.world import CREATED, DOMAIN, Pem, Target, World, host, service
from tests.support.ports import free_range

APPS, STREAMS, SHORT = 40, 40, 10.0
TLS_RATE, PROBES = 20.0, 4.0  # a second
PATIENCE = 10.0  # seconds that a change may take to be seen
SETTLE, REST = 2.0, 6.0  # seconds between the start of the load, or the last change, and a quiet phase
TURNOVER = 60  # certificates that come and go, and that others are replaced by


def mix(world: World, side: Side, tcp: range, issuer: Issuer, rate: float, seconds: float) -> Mix:
    """What the load asks of ``side``."""
    apps = [Target(side.http, host(app, n), "/", f"{service(app)}/") for app in range(world.apps) for n in (0, 1)]
    splits = [Target(side.http, split_host(number), expect="app") for number in range(SPLITS)]
    secure = [Target(side.https, secure_host(n), expect=f"{service(n % world.apps)}/", tls=True) for n in range(SECURE)]
    direct = [Target(tcp[0], "tcp", expect=f"{service(0)}/")] * 2 if "tcp route" in side.kinds else []
    long = math.ceil(seconds / PACE) + 10
    streams = [
        Target(side.http, host(n % world.apps), f"/stream/{long if n % 2 else math.ceil(SHORT / PACE)}")
        for n in range(STREAMS)
    ]
    return Mix(apps + splits + direct, rate, seconds, secure, TLS_RATE, issuer.ca, streams)


async def changing(side: Side, plan: Plan, rate: float, end: float, result: Result) -> None:
    """Take ``rate`` changes a second to ``side`` until ``end``."""
    due = time.monotonic()
    changes = (change for change in plan.changes() if change.kind in side.kinds)
    tasks: dict[str, asyncio.Task[None]] = {}
    while due < end:
        change = next(changes)
        before = tasks.get(change.ident)
        tasks[change.ident] = asyncio.create_task(_after(before, side, change))
        result.changes[change.kind] += 1
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    await asyncio.gather(*tasks.values())
    result.late = time.monotonic() - end


async def _after(before: asyncio.Task[None] | None, side: Side, change: Change) -> None:
    """Changes of one thing go one after the other."""
    if before is not None:
        await before
    await side.apply(change)


async def probing(side: Side, world: World, end: float, result: Result) -> None:
    """Put a host route some times a second, and note after how many milliseconds it is there."""
    number = 0
    while time.monotonic() < end:
        ident = f"probe{number}"
        target = Target(side.http, f"{ident}.{DOMAIN}", expect="app")
        each = Route(id=ident, host=target.host, service=service(number % world.apps), created=CREATED)
        start = time.monotonic()
        put = asyncio.create_task(side.apply(Change("host route", ident, route=each)))
        while await _answer(target) and time.monotonic() < start + PATIENCE:
            await asyncio.sleep(0.001)
        result.effects.append(1000 * (time.monotonic() - start))
        if result.effects[-1] >= 1000 * PATIENCE:
            side.faults.append(f"a host route was not there after {PATIENCE:g} s")
        await put
        await side.apply(Change("host route", ident))
        number += 1
        await asyncio.sleep(max(0.0, 1 / PROBES - (time.monotonic() - start)))


async def _answer(target: Target) -> str:
    try:
        async with asyncio.timeout(2):
            client = await connect(target)
            return wrong(await client.ask(target.request(keep=False)), target.expect)
    except (OSError, TimeoutError):
        return "no answer"


async def watching(side: Side, result: Result) -> None:
    """Note processes and memory each second, without end."""
    while True:
        pids = side.pids()
        result.processes.append(len(pids))
        result.memory.append(processes.memory(pids))
        if isinstance(side, GrilleSide):
            result.daemon.append(processes.memory(side.grille.daemons()))
        await asyncio.sleep(1)


async def measure(side: Side, plan: Plan, load: Mix, quiet: float, seconds: float, rate: float) -> Result:
    """A quiet phase, that of changes, and another quiet one."""
    result = Result(side.name)
    generator = Load(load)
    try:
        result.quiet = (generator.started + SETTLE, generator.started + SETTLE + quiet)
        result.busy = (result.quiet[1], result.quiet[1] + seconds)
        result.after = (result.busy[1] + REST, result.busy[1] + REST + quiet)
        watch = asyncio.create_task(watching(side, result))
        await asyncio.sleep(result.busy[0] - time.monotonic())
        await asyncio.gather(
            changing(side, plan, rate, result.busy[1], result), probing(side, plan.world, result.busy[1], result)
        )
        watch.cancel()
        result.seen = await asyncio.to_thread(generator.result)
    finally:
        generator.kill()
    if isinstance(side, GrilleSide):
        result.refused = side.grille.refused
    result.stopped, result.faults = side.cut, side.faults
    return result


@asynccontextmanager
async def opened(name: str, instances: Instances, folder: Path) -> AsyncIterator[Side]:
    """The side called ``name``."""
    if name == "grille":
        async with grille(folder, pool=APPS * 2 + 100) as router:
            side: Side = GrilleSide(instances, router)
            try:
                yield side
            finally:
                await side.close()
        return
    kinds: dict[str, type[HaproxySide | NginxSide | CaddySide]]
    kinds = {"haproxy": HaproxySide, "nginx": NginxSide, "caddy": CaddySide}
    side = kinds[name](instances, folder)
    try:
        yield side
    finally:
        await side.close()


async def run(name: str, pems: dict[str, list[Pem]], issuer: Issuer, args: argparse.Namespace) -> Result:
    """One side, from its start to its end."""
    instances = Instances()
    world = World(APPS, f"127.77.{os.getpid() % 250 + 1}.1", routes=4)
    try:
        with tempfile.TemporaryDirectory(prefix="gr-", dir="/tmp") as scratch:
            folder = Path(scratch)
            folder.chmod(0o755)
            async with opened(name, instances, folder) as side:
                tcp = side.grille.tcp if isinstance(side, GrilleSide) else free_range(TCP_PORTS)
                plan = Plan(world, pems, tcp)
                for each, servers in plan.state.services.items():
                    await asyncio.to_thread(instances.open, each, list(servers.values()))
                await side.start(plan.state)
                load = mix(world, side, tcp, issuer, args.rate, SETTLE + args.seconds + REST + 2 * args.quiet)
                return await measure(side, plan, load, args.quiet, args.seconds, args.changes)
    finally:
        instances.end()


def sides(only: str) -> Iterator[str]:
    """The names of those that can run."""
    for name in ("grille", "haproxy", "nginx", "caddy"):
        if (not only or name in only.split(",")) and processes.have("haproxy" if name == "grille" else name):
            yield name


def main() -> None:
    """Run it all and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--quiet", type=float, default=10.0, help="seconds without changes, before and after")
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second")
    parser.add_argument("--changes", type=float, default=200.0, help="changes a second")
    parser.add_argument("--only", default="", help="of grille,haproxy,nginx,caddy")
    parser.add_argument("--quick", action="store_true", help="10 s, 300 requests and 50 changes a second")
    args = parser.parse_args()
    if args.quick:
        args.seconds, args.quiet, args.rate, args.changes = 10.0, 3.0, 300.0, 50.0
    issuer = Issuer()
    pems = {secure_host(number): [issuer.issue(secure_host(number)) for _ in range(3)] for number in range(SECURE)}
    pems |= {name: [issuer.issue(name)] for name in (f"c{number}.{DOMAIN}" for number in range(TURNOVER))}
    results = []
    for name in sides(args.only):
        results.append(asyncio.run(run(name, pems, issuer, args)))
        print(f"{name} done", flush=True)
    report(results)
    bad = sum(each.failed + len(each.faults) + each.stopped for each in results if each.name == "grille")
    print("; ".join(f"{each.name}: {each.failed} failed or cut, {max(each.processes)} processes" for each in results))
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
