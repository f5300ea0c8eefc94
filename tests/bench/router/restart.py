"""The router's starts and deaths with much to route, beside a static HAProxy with the same, in one run.

``python -m tests.bench.router.restart [--rounds 3] [--apps 1000] [--certificates 500] [--quick]``, from the root.
1,000 apps, 10,000 routes, 4,000 servers, 500 certificates. Each round: daemon and HAProxy start together with an empty
folder (from the first fork until the router has acknowledged the newest revision, and a request by the last route and
a TLS handshake with the last certificate succeed); memory of both; HAProxy is killed and started at once, as its agent
does (until a request by the last route succeeds; then what HAProxy holds is compared with what it held before, field
by field, and every route is asked once); the daemon is killed and started at once under 200 requests/s (until it
acknowledges a change that was put after its death). Exits 1 for a difference, a wrong answer or a failed request.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from grille.wire import keys
from tests.bench.router import peers, processes
from tests.bench.router.backends import backends
from tests.bench.router.figures import median, table
from tests.bench.router.grille import Grille, grille, instance
from tests.bench.router.held import Held, differences, held
from tests.bench.router.load import Load, Mix, connect, wrong
from tests.bench.router.pem import Issuer
from tests.bench.router.world import FIRST_PORT, Server, State, Target, World, host, service
from tests.support.etcd import free_port

RATE, LOADED = 200.0, 8.0  # requests/s and seconds of the load while the daemon dies
COLUMNS = [
    "cold start s",
    "HAProxy, parent MiB",
    "daemon MiB",
    "HAProxy killed: serves s",
    "in step s",
    "daemon killed: in step s",
]


@dataclass
class Found:
    """What the rounds printed, a list of figures each, and what went wrong."""

    rounds: list[list[float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    compared: int = 0  # facts: a map's entry, a server, a certificate


@dataclass(frozen=True)
class Scene:
    """What all rounds work on."""

    world: World
    state: State
    issuer: Issuer
    certified: int

    def last(self, port: int) -> Target:
        """A request by the last route."""
        return self.world.targets(port)[-1]


async def serving(target: Target, timeout: float = 60.0, tls: ssl.SSLContext | None = None) -> None:
    """Until a request to ``target`` is answered; raises RuntimeError."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            async with asyncio.timeout(2):
                client = await connect(target, tls)
                answer = await client.ask(target.request(keep=False))
                if not wrong(answer, ""):
                    return
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.005)
    raise RuntimeError(f"{target.host} is not served after {timeout:g} s")


async def sweep(scene: Scene, port: int) -> list[str]:
    """Ask every route once over one connection: what was wrong with the answers."""
    found = []
    client = await connect(Target(port, ""))
    for number, target in enumerate(scene.world.targets(port)):
        first = FIRST_PORT + number // scene.world.routes * scene.world.servers
        answer = await client.ask(target.request())
        body = answer.partition(b"\r\n\r\n")[2]
        if not body.isdigit() or int(body) not in range(first, first + scene.world.servers):
            found.append(f"{target.host}{target.path}: {answer[:60]!r}")
        if client.transport is None:
            client = await connect(target)
    return found


async def cold(scene: Scene, router: Grille, revision: int) -> float:
    """Start both; seconds until all is there."""
    router.renew()
    began, start = time.time(), time.monotonic()
    router.start_haproxy()
    router.start_daemon()
    await router.until(lambda status: status.updated >= began and status.revision >= revision)
    await serving(scene.last(router.http))
    if scene.certified:
        tls = ssl.create_default_context(cadata=scene.issuer.ca)
        await serving(Target(router.https, host(scene.certified - 1), tls=True), tls=tls)
    return time.monotonic() - start


async def haproxy_dies(scene: Scene, router: Grille, revision: int, found: Found) -> list[float]:
    """Kill HAProxy; seconds until it serves again, and until the daemon has acknowledged again."""
    before = await asyncio.to_thread(held, router.data)
    began, start = time.time(), time.monotonic()
    for pid in router.haproxies():
        os.kill(pid, 9)
    assert router.haproxy is not None
    deadline = start + 0.1  # a launcher that stays does it itself
    while router.haproxy.poll() is None and time.monotonic() < deadline:
        await asyncio.sleep(0.005)
    if router.haproxy.poll() is not None:
        router.start_haproxy()
    await serving(scene.last(router.http))
    served = time.monotonic() - start
    await router.until(lambda status: status.updated >= began and status.revision >= revision)
    took = time.monotonic() - start
    after: Held = await asyncio.to_thread(held, router.data)
    found.compared += len(before)
    found.wrong += differences(before, after) + await sweep(scene, router.http)
    return [served, took]


async def daemon_dies(scene: Scene, router: Grille, turn: int, found: Found) -> float:
    """Kill the daemon under load; seconds until its successor has acknowledged a change made since."""
    load = Load(Mix(scene.world.targets(router.http), RATE, LOADED))
    try:
        await asyncio.sleep(2)
        start = time.monotonic()
        processes.end(router.daemon)
        router.start_daemon()
        server = Server(f"{service(0)}-y{turn}", scene.world.address, FIRST_PORT)
        revision = await router.store.transact([], [instance(service(0), server)])
        await router.acknowledged(revision)
        took = time.monotonic() - start
        seen = await asyncio.to_thread(load.result)
        failures = seen.errors(0, float("inf"))
        found.wrong += [f"while the daemon was away: {count} x {what}" for what, count in failures.items()]
        await router.acknowledged(await router.store.delete(keys.instance(service(0), server.ident)))
        return took
    finally:
        load.kill()


async def rounds(scene: Scene, folder: Path, count: int) -> Found:
    """Grille's figures."""
    found = Found()
    async with grille(folder, pool=scene.world.apps + 100) as router:
        processes.end(router.daemon, router.haproxy)
        revision = await router.load(scene.state)
        for turn in range(count):
            took = await cold(scene, router, revision)
            await asyncio.sleep(2)
            memory = [
                processes.memory(pids) for pids in (router.everyone()[: -len(router.daemons())], router.daemons())
            ]
            killed = await haproxy_dies(scene, router, revision, found)
            found.rounds.append([took, *memory, *killed, await daemon_dies(scene, router, turn, found)])
            processes.end(router.daemon, router.haproxy)
            print(f"round {turn + 1} done", flush=True)
    return found


async def static(scene: Scene, folder: Path, count: int) -> list[list[float]]:
    """The figures of a static HAProxy: seconds from fork to the last route, MiB."""
    ports = peers.Ports(free_port(), free_port() if scene.certified else 0)
    (folder / "static.cfg").write_text(peers.haproxy(scene.state, folder, ports))
    found = []
    for _ in range(count):
        start = time.monotonic()
        process = processes.start(["haproxy", "-db", "-f", str(folder / "static.cfg")], folder / "static.log")
        try:
            await serving(scene.last(ports.http))
            took = time.monotonic() - start
            await asyncio.sleep(2)
            found.append([took, processes.memory(processes.family(process.pid))])
        finally:
            processes.end(process)
    return found


def run(apps: int, certified: int, count: int) -> bool:
    """All of it, printed; whether something failed."""
    address = f"127.77.{os.getpid() % 250 + 1}.1"
    world, issuer = World(apps, address), Issuer()
    state = world.state()
    state.certificates = {f"c{app:04d}": issuer.issue(host(app)) for app in range(certified)}
    scene = Scene(world, state, issuer, certified)
    with tempfile.TemporaryDirectory(prefix="gr-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with backends(folder, address, world.ports):
            peer = asyncio.run(static(scene, folder, count))
            found = asyncio.run(rounds(scene, folder, count))
    middle = [median(column) for column in zip(*found.rounds, strict=True)]
    worst = [max(column) for column in zip(*found.rounds, strict=True)]
    other = [median(column) for column in zip(*peer, strict=True)]
    lines: list[list[object]] = [["", *COLUMNS], ["grille, median", *middle], ["grille, worst", *worst]]
    lines.append(["static HAProxy", *other, *[float("nan")] * 4])
    print(f"\n{apps:,} apps, {apps * 10:,} routes, {apps * 4:,} servers, {certified} certificates\n{table(lines)}")
    for line in found.wrong[:10]:
        print(f"wrong: {line}")
    print(
        f"\ncold start {middle[0]:.2f} s ({middle[0] / other[0]:.1f} of static HAProxy's),"
        f" {middle[1] + middle[2]:.0f} MiB ({(middle[1] + middle[2]) / other[1]:.1f} of its);"
        f" HAProxy killed: serves after {middle[3]:.2f} s; daemon killed: in step after {middle[5]:.2f} s;"
        f" {found.compared:,} facts compared and {apps * 10 * count:,} routes asked after a kill,"
        f" {len(found.wrong)} differences or failures"
    )
    return bool(found.wrong)


def main() -> None:
    """Run it all and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--certificates", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="one round of 50 apps and 20 certificates")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.apps, args.certificates = 1, 50, min(20, args.certificates)
    sys.exit(run(args.apps, args.certificates, args.rounds))


if __name__ == "__main__":
    main()
