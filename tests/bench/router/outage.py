"""The store is gone for minutes: what requests notice, and how soon what changed meanwhile is applied.

``python -m tests.bench.router.outage [--seconds 300] [--rate 200] [--apps 100] [--quick]``, from the root. The store's
one member is frozen (SIGSTOP) under 200 requests/s, then let go on. The instances hang on a lease, as an agent's do;
it is kept, and granted anew with all that hangs on it when it has ended meanwhile. During the outage registrations and
routes are put by clients that try until the store takes them. Printed: requests failed; how often the servers that
HAProxy holds differed from those before (looked at each second, and for 40 s after the return: the time in which leases
that ended could take servers out); seconds from the return, and from the store's first answer, until all that was
put meanwhile and one change put after it are acknowledged and served. The peer is etcd's own client side: the
first answer to a plain request. Exits 1 when a request failed or servers flapped.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from grille.store import USUAL_TTL, Delete, Lease, Put
from grille.wire.routing import Route
from tests.bench.raw import FAILED, Raw
from tests.bench.router.backends import backends
from tests.bench.router.figures import median, percentile, table
from tests.bench.router.grille import Grille, grille, instance, route
from tests.bench.router.held import Held, differences, servers
from tests.bench.router.load import Load, Mix
from tests.bench.router.restart import serving
from tests.bench.router.world import CREATED, DOMAIN, FIRST_PORT, Server, Target, World, service

SETTLE, AFTER = 5.0, 40.0  # seconds of load before the outage, and after
QUEUED = 20  # changes put while the store is away
ASK = 0.05  # seconds between two tries of the plain client


@dataclass
class Found:
    """What was seen; seconds since the return of the store."""

    start: float = 0.0
    back: float = 0.0
    answered: float = 0.0
    queued: float = 0.0
    fresh: float = 0.0
    looks: int = 0
    flaps: list[str] = field(default_factory=list)


class Agent:
    """What keeps the instances registered, as a host's agent does; ``writes`` is what hangs on its lease."""

    def __init__(self, router: Grille, world: World) -> None:
        self._router = router
        state = world.state()
        self._servers = [(name, each) for name, all_ in state.services.items() for each in all_.values()]
        self.lease = Lease(router.store, USUAL_TTL, self._renewed)
        self.grants = 0

    async def _renewed(self, lease: int) -> None:
        self.grants += 1
        await self._router.write(replace(instance(name, each), lease=lease) for name, each in self._servers)


def wishes(world: World) -> tuple[list[Put | Delete], list[str]]:
    """What is put while the store is away, and the hosts that are served by it."""
    writes: list[Put | Delete] = []
    hosts = []
    for number in range(QUEUED // 2):
        name = service(number % world.apps)
        port = FIRST_PORT + number % world.apps * world.servers
        hosts.append(f"queued{number}.{DOMAIN}")
        writes.append(instance(name, Server(f"{name}-q{number}", world.address, port + 1)))
        writes.append(route(Route(id=f"queued{number}", host=hosts[-1], service=name, created=CREATED)))
    return writes, hosts


async def looking(router: Grille, before: Held, found: Found) -> None:
    """Look at HAProxy's servers each second, without end; those put meanwhile may be there."""
    while True:
        now = await asyncio.to_thread(servers, router.data)
        found.looks += 1
        known = {name: value for name, value in now.items() if name in before}
        found.flaps += differences(before, known)
        await asyncio.sleep(1)


async def returned(router: Grille, found: Found) -> None:
    """Note when the store first answers a plain client."""
    client = Raw([router.etcd.url])
    try:
        while not found.answered:
            with suppress(*FAILED):
                await client.ask("/v3/kv/range", {"key": "AA=="})
                found.answered = time.monotonic() - found.back
            await asyncio.sleep(ASK)
    finally:
        await client.aclose()


async def outage(router: Grille, world: World, seconds: float) -> Found:
    """Freeze the store, let changes queue, let it go on; what was seen."""
    found = Found()
    before = await asyncio.to_thread(servers, router.data)
    look = asyncio.create_task(looking(router, before, found))
    found.start = time.monotonic()
    router.etcd.freeze()
    await asyncio.sleep(seconds / 2)
    writes, hosts = wishes(world)
    queued = [asyncio.create_task(router.insist(each)) for each in writes]
    await asyncio.sleep(seconds / 2)
    router.etcd.thaw()
    found.back = time.monotonic()
    first = asyncio.create_task(returned(router, found))
    fresh = Route(id="fresh", host=f"fresh.{DOMAIN}", service=service(0), created=CREATED)
    await router.acknowledged(await router.insist(route(fresh)))
    await serving(Target(router.http, fresh.host))
    found.fresh = time.monotonic() - found.back
    await router.acknowledged(max(await asyncio.gather(*queued)))
    await asyncio.gather(*(serving(Target(router.http, name)) for name in hosts))
    found.queued = time.monotonic() - found.back
    await first
    await asyncio.sleep(AFTER)
    look.cancel()
    await asyncio.gather(look, return_exceptions=True)
    return found


async def run(args: argparse.Namespace, folder: Path) -> bool:
    """All of it, printed; whether something failed."""
    world = World(args.apps, f"127.77.{os.getpid() % 250 + 1}.1")
    with backends(folder, world.address, world.ports):
        async with grille(folder, pool=args.apps + 100) as router:
            state = world.state()
            state.services.clear()
            agent = Agent(router, world)
            keeping = asyncio.create_task(agent.lease.run())
            await router.load(state)
            await agent.lease.ready()
            while not agent.grants:
                await asyncio.sleep(0.01)
            await router.acknowledged(await router.store.revision())
            await serving(world.targets(router.http)[-1])
            load = Load(Mix(world.targets(router.http), args.rate, SETTLE + args.seconds + AFTER))
            try:
                await asyncio.sleep(SETTLE)
                found = await outage(router, world, args.seconds)
                seen = await asyncio.to_thread(load.result)
            finally:
                load.kill()
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
    failures = seen.errors(0, float("inf"))
    quiet, gone = seen.latencies(0, found.start), seen.latencies(found.start, found.back)
    rows: list[list[object]] = [["", "requests", "p50 ms", "p99 ms"]]
    for name, values in (("before", quiet), ("store away", gone), ("after", seen.latencies(found.back, 1e18))):
        rows.append([name, len(values), median(values), percentile(values, 0.99)])
    print(f"\nthe store frozen for {args.seconds:.0f} s; {args.apps} apps\n{table(rows)}")
    for what, count in failures.items():
        print(f"failed: {count} x {what}")
    for line in found.flaps[:10]:
        print(f"flapped: {line}")
    print(
        f"\n{failures.total()} of {len(seen.requests):,} requests failed; {len(found.flaps)} changes of a server in"
        f" {found.looks} looks; leases granted {agent.grants} times; after the return: store answers"
        f" {found.answered:.2f} s, change put then {found.fresh:.2f} s, changes put meanwhile {found.queued:.2f} s"
        f" ({found.queued - found.answered:+.2f} s from its first answer)"
    )
    return bool(failures or found.flaps)


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--apps", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="away for 20 s")
    args = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if args.quick:
        args.seconds = 20.0
    with tempfile.TemporaryDirectory(prefix="gr-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        sys.exit(asyncio.run(run(args, folder)))


if __name__ == "__main__":
    main()
