"""DNS answers from one core: discoverd beside dnsmasq and unbound with the same records, in one run.

``PYTHONPATH=src .venv/bin/python -m tests.bench.dns [SECONDS]``, from the root; needs no grid, but root, two cores,
``dnsmasq`` and ``unbound`` (Debian: dnsmasq-base, unbound). Server and load generator have a core each, and a raised
priority. The catalog has 1,000 services of 3 instances. Each row: latency at 3,000 queries/s, counted from when each
was due; then with 64 queries under way the rate, and the server's own processor time for an answer, which other
work on the machine hardly touches. ``changes``: ten instances a second are registered anew through etcd; the peers'
records stay as they are. Last, the time from a deregistration (dnsmasq: its hosts file rewritten and SIGHUP sent)
until a query does not find the instance.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import dns.message

from grille.codec import encode
from grille.store import Store
from grille.store.blocking import BlockingStore
from grille.store.protocol import Put
from grille.wire import keys
from grille.wire.errors import Unavailable
from tests.bench.dns_load import paced, saturated
from tests.bench.dns_servers import (
    INSTANCES,
    PRIORITY,
    SERVICES,
    Served,
    discoverd,
    dnsmasq,
    everyone,
    found,
    instance,
    lay_hosts,
    unbound,
    wait,
)
from tests.support.etcd import EtcdServer

RATE, WINDOW = 3000, 64
LOAD_CORE = {1}
ROUNDS = 100  # deregistrations


def packets(kind: str) -> list[bytes]:
    """Queries without their ID."""
    names = {
        "A": [(f"svc{n}.grille", "A") for n in range(SERVICES)],
        "SRV": [(f"_http._tcp.svc{n}.grille", "SRV") for n in range(SERVICES)],
        "mix": [
            (name, record)
            for n in range(SERVICES)
            for name, record in (
                (f"svc{n}.grille", "A"),
                (f"_http._tcp.svc{n}.grille", "SRV"),
                (f"leader.svc{n}.grille", "A"),
                (f"i1.svc{n}.grille", "A"),
            )
        ],
    }[kind]
    return [dns.message.make_query(name, record).to_wire()[2:] for name, record in names]


@contextmanager
def changes(etcd: EtcdServer, wanted: bool) -> Iterator[None]:
    """Ten instances a second registered at another address."""
    stop, store = threading.Event(), BlockingStore([etcd.url])

    def change() -> None:
        turn = 0
        while not stop.wait(0.1):
            turn += 1
            one = instance(random.randrange(SERVICES - 1), 0, turn)
            with suppress(Unavailable):  # a busy machine
                store.put(keys.instance(one.service, one.id), encode(one))

    thread = threading.Thread(target=change)
    if wanted:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if wanted:
            thread.join()


def gone(port: int, take_out: Callable[[], object], put_back: Callable[[], object]) -> list[float]:
    """Milliseconds from the return of ``take_out`` until the last service's name is not found."""
    name, took = f"svc{SERVICES - 1}.grille", []
    for _ in range(ROUNDS):
        take_out()
        start = time.perf_counter()
        while found(port, name) != 0:
            pass
        took.append(1000 * (time.perf_counter() - start))
        put_back()
        wait(port)
    return took


async def fill(etcd: EtcdServer) -> None:
    """Lay the catalog."""
    puts = [Put(keys.instance(f"svc{n}", f"i{i}"), encode(instance(n, i))) for n, i in everyone()]
    async with Store([etcd.url]) as store:
        for at in range(0, len(puts), 100):
            await store.transact([], puts[at : at + 100])


def measure(pool: ProcessPoolExecutor, server: Served, kind: str, seconds: float) -> tuple[float, ...]:
    """p50 and p99 (ms) at RATE, answers a second and microseconds of processor for each with WINDOW, queries lost."""
    queries = packets(kind)
    slow = pool.submit(paced, server.port, queries, seconds, RATE).result()
    before = server.cpu()
    fast = pool.submit(saturated, server.port, queries, seconds, WINDOW).result()
    each = 1e6 * (server.cpu() - before) / len(fast.latencies)
    bad = slow.lost + slow.errors + fast.lost + fast.errors
    return slow.percentile(50), slow.percentile(99), fast.rate, fast.percentile(99), each, bad


def report(pool: ProcessPoolExecutor, servers: list[Served], kind: str, seconds: float, note: str) -> None:
    """A row for each server; the ratios are those of ours to its."""
    rows = [measure(pool, server, kind, seconds) for server in servers]
    for server, (p50, p99, rate, high, each, bad) in zip(servers, rows, strict=True):
        ratios = f"{rows[0][2] / rate:6.2f} {rows[0][4] / each:6.2f}"
        print(f"{kind + note:13} {server.name:10} {p50:6.2f} {p99:7.2f} {rate:8.0f} {high:7.2f} {each:6.1f}", end="")
        print(f" {bad:5.0f} {ratios}", flush=True)


def deregistration(etcd: EtcdServer, ours: Served, masq: Served, folder: Path) -> None:
    """The last rows."""
    last, store = SERVICES - 1, BlockingStore([etcd.url])
    entries = [(keys.instance(f"svc{last}", f"i{i}"), encode(instance(last, i))) for i in range(INSTANCES)]

    async def delete() -> None:
        async with Store([etcd.url]) as client:
            await client.delete(f"{keys.SERVICES}svc{last}/", prefix=True)

    def reload(services: int) -> None:
        lay_hosts(folder, services)
        os.kill(masq.pid, signal.SIGHUP)

    rows = {
        ours.name: gone(ours.port, lambda: asyncio.run(delete()), lambda: [store.put(*entry) for entry in entries]),
        masq.name: gone(masq.port, lambda: reload(last), lambda: reload(SERVICES)),
    }
    print(f"\nderegistered until out of DNS, {ROUNDS} rounds, ms")
    for name, took in rows.items():
        ratio = statistics.median(rows[ours.name]) / statistics.median(took)
        p99 = statistics.quantiles(took, n=100)[98]
        print(f"{name:10} p50 {statistics.median(took):6.2f}  p99 {p99:6.2f}  ratio {ratio:5.2f}")


def generator() -> None:
    """Where the load comes from."""
    os.sched_setaffinity(0, LOAD_CORE)
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)


def main() -> None:
    """Run all and print the table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    if missing := [name for name in ("dnsmasq", "unbound") if not shutil.which(name)]:
        sys.exit(f"{' and '.join(missing)} missing; apt-get install --no-install-recommends dnsmasq-base unbound")
    etcd = EtcdServer().start()
    try:
        asyncio.run(fill(etcd))
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            folder = Path(name)
            servers = [
                stack.enter_context(each) for each in (discoverd(etcd, folder), dnsmasq(folder), unbound(folder))
            ]
            compare(etcd, servers, seconds)
            deregistration(etcd, servers[0], servers[1], folder)
    finally:
        etcd.stop()


def compare(etcd: EtcdServer, servers: list[Served], seconds: float) -> None:
    """The table."""
    print(
        f"{SERVICES} services of {INSTANCES}; at {RATE}/s: ms; {WINDOW} under way: queries/s, ms, cpu us each; ratios"
    )
    print(f"{'':24} {'p50':>6} {'p99':>7} {'/s':>8} {'p99':>7} {'us':>6} {'bad':>5} {'of /s':>6} {'of us':>6}")
    with ProcessPoolExecutor(1, initializer=generator) as pool:
        for changing in (False, True):
            with changes(etcd, changing):
                for kind in ("A", "SRV", "mix"):
                    report(pool, servers, kind, seconds, ", changes" if changing else "")


if __name__ == "__main__":
    main()
