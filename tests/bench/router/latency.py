"""From a registration to the first request that the new instance serves, as the number of apps grows; in one run.

``python -m tests.bench.router.latency [--rounds 200] [--apps 1000] [--quick]``, from the root. At 10, 30, 100, 300 and
1,000 apps of 4 servers and 10 routes each: the clock starts before the instance's record is put into the store, a
client asks its app over one connection without pause, and it stops when the new instance has answered. Printed are
p50 and p99, the daemon's processor time for a change (a registration or its undoing; what it uses when nothing changes
is taken off), and a plot: with the number of apps the cost of a change should not grow. The peers, at the fewest and
the most apps: the same with a plain configuration written anew, and HAProxy or nginx reloaded.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from grille.store import Delete
from grille.store.blocking import BlockingStore
from grille.wire import keys
from tests.bench.router import processes
from tests.bench.router.backends import backends
from tests.bench.router.figures import bars, median, percentile, table
from tests.bench.router.grille import Grille, grille, instance
from tests.bench.router.instances import Instances
from tests.bench.router.sides import HaproxySide, NginxSide, ReloadSide
from tests.bench.router.world import FIRST_PORT, Server, World, host, service

SERIES = (10, 30, 100, 300, 1000)
SPARE = 400  # ports beside those of the world
SETTLE, IDLE = 4.0, 4.0  # seconds: after a change, the daemon saves; then its use without changes is measured
PATIENCE = 15.0
PEER_ROUNDS = 15


@dataclass
class Point:
    """What was measured at a number of apps."""

    name: str
    apps: int
    times: list[float] = field(default_factory=list)
    missed: int = 0
    cpu: float = float("nan")  # milliseconds of the daemon's for a change
    idle: float = float("nan")  # the share of a core that the daemon uses while nothing changes

    def row(self) -> list[object]:
        """The row of the table."""
        times = [median(self.times), percentile(self.times, 0.99), max(self.times, default=float("nan"))]
        return [self.name, self.apps, len(self.times), *times, self.missed, self.cpu, 100 * self.idle]


class Asker:
    """Asks an app over one connection until one instance has answered."""

    def __init__(self, port: int, app: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = f"GET / HTTP/1.1\r\nHost: {host(app)}\r\n\r\n".encode()

    def answered(self, number: int) -> bool:
        """Whether the instance at port ``number`` answered the next request."""
        self._socket.sendall(self._request)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < 5:
            more = self._socket.recv(4096)
            if not more:
                raise ConnectionError("closed unanswered")
            answer += more
        return answer.endswith(str(number).encode())

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def fresh(port: int, app: int, number: int, end: float) -> bool:
    """Whether the instance answered before ``end``, each time asked over a new connection."""
    while time.monotonic() < end:
        try:
            asker = Asker(port, app)
            found = asker.answered(number)
            asker.close()
        except OSError:
            continue
        if found:
            return True
    return False


def registrations(router: Grille, point: Point, world: World, spare: range, rounds: int) -> None:
    """Measure ``rounds`` registrations, each of an app at random."""
    store, chosen = BlockingStore([router.etcd.url]), random.Random(3)
    idle = daemon_use(router)
    before, began = processes.cpu(router.daemons()), time.monotonic()
    for turn in range(rounds):
        app, port = chosen.randrange(world.apps), spare[turn % len(spare)]
        server = Server(f"{service(app)}-x{turn}", world.address, port)
        asker = Asker(router.http, app)
        asker.answered(port)
        start = time.monotonic()
        store.transact([], [instance(service(app), server)])
        found = False
        while not found and time.monotonic() < start + PATIENCE:
            found = asker.answered(port)
        milliseconds = 1000 * (time.monotonic() - start)
        asker.close()
        if found:
            point.times.append(milliseconds)
        else:
            point.missed += 1
        store.transact([], [Delete(keys.instance(service(app), server.ident))])
        time.sleep(chosen.uniform(0.02, 0.08))
    used, took = processes.cpu(router.daemons()) - before, time.monotonic() - began
    point.idle = min(idle, daemon_use(router))
    point.cpu = 1000 * (used - point.idle * took) / (2 * rounds)


def daemon_use(router: Grille) -> float:
    """The share of a core that the daemon uses while nothing changes."""
    time.sleep(SETTLE)
    before = processes.cpu(router.daemons())
    time.sleep(IDLE)
    return (processes.cpu(router.daemons()) - before) / IDLE


async def series(sizes: list[int], rounds: int, address: str, folder: Path) -> list[Point]:
    """Grille's points, the world growing in one store."""
    points, there = [], 0
    spare = spare_ports(max(sizes))
    async with grille(folder, pool=max(sizes) + 100) as router:
        for apps in sizes:
            world = World(apps, address)
            state = world.state()
            for app in range(there):
                del state.services[service(app)]
            state.routes = {each.id: each for app in range(there, apps) for each in world.routes_of(app)}
            await router.acknowledged(await router.load(state), timeout=300)
            there = apps
            points.append(Point("grille", apps))
            await asyncio.to_thread(registrations, router, points[-1], world, spare, rounds)
            print(f"grille at {apps:,} apps done", flush=True)
    return points


def reloads(side: ReloadSide, world: World, spare: range, rounds: int) -> Point:
    """The point of a peer: each registration is a new configuration and a reload."""
    point, state, chosen = Point(side.name, world.apps), world.state(), random.Random(3)
    side.serve(state)
    processes.wait_port(side.http, timeout=60)
    for turn in range(rounds):
        app, port = chosen.randrange(world.apps), spare[turn]
        servers = state.services[service(app)]
        servers[f"{service(app)}-x{turn}"] = Server(f"{service(app)}-x{turn}", world.address, port)
        start = time.monotonic()
        side.reload(state)
        if fresh(side.http, app, port, start + PATIENCE):
            point.times.append(1000 * (time.monotonic() - start))
        else:
            point.missed += 1
        time.sleep(0.5)
    return point


async def peers(sizes: list[int], address: str, folder: Path, rounds: int) -> list[Point]:
    """The peers' points."""
    points, instances = [], Instances()
    try:
        for name, kind in (("haproxy", HaproxySide), ("nginx", NginxSide)):
            if not processes.have(name):
                continue
            for apps in sizes:
                side = kind(instances, folder)
                try:
                    spare = spare_ports(max(sizes))
                    points.append(await asyncio.to_thread(reloads, side, World(apps, address), spare, rounds))
                finally:
                    await side.close()
    finally:
        instances.end()
    return points


def spare_ports(apps: int) -> range:
    """The ports of instances that come."""
    first = FIRST_PORT + 4 * apps
    return range(first, first + SPARE)


def run(sizes: list[int], rounds: int, peer_rounds: int) -> list[Point]:
    """All points."""
    address = f"127.77.{os.getpid() % 250 + 1}.1"
    with tempfile.TemporaryDirectory(prefix="gr-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with backends(folder, address, range(FIRST_PORT, spare_ports(max(sizes)).stop)):
            points = asyncio.run(series(sizes, rounds, address, folder))
            ends = sorted({sizes[0], sizes[-1]})
            return points + asyncio.run(peers(ends, address, folder, peer_rounds))


def main() -> None:
    """Run it all, print table and plots."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--apps", type=int, default=1000, help="the most")
    parser.add_argument("--quick", action="store_true", help="20 rounds at 10 and 100 apps")
    args = parser.parse_args()
    sizes = [10, 100] if args.quick else [each for each in SERIES if each < args.apps] + [args.apps]
    points = run(sizes, 20 if args.quick else args.rounds, 3 if args.quick else PEER_ROUNDS)
    head = ["", "apps", "rounds", "p50 ms", "p99 ms", "worst ms", "missed", "daemon CPU ms/change", "idle %"]
    print(f"\nregistration to first request served\n{table([head, *(point.row() for point in points)])}\n")
    ours = [point for point in points if point.name == "grille"]
    print("p50 by number of apps, ms\n" + bars([(f"{each.apps:,}", median(each.times)) for each in ours]))
    print(
        "the daemon's CPU for a change by number of apps, ms\n" + bars([(f"{each.apps:,}", each.cpu) for each in ours])
    )
    first, last = ours[0], ours[-1]
    growth = (
        f"p50 x {median(last.times) / median(first.times):.2f}, CPU x {last.cpu / first.cpu if first.cpu else 0:.2f}"
    )
    rest = [
        f"{each.name} {median(each.times):.0f} ms"
        for each in points
        if each.name != "grille" and each.apps == last.apps
    ]
    print(
        f"\np50 {median(last.times):.1f} ms, p99 {percentile(last.times, 0.99):.1f} ms at {last.apps:,} apps;"
        f" from {first.apps} apps to there {growth}; peers there: {', '.join(rest) or 'none'}"
    )
    sys.exit(any(point.missed for point in ours))


if __name__ == "__main__":
    main()
