"""What clients see when etcd's members fail in turn: Grille's store client beside a plain one, in one run.

``python -m tests.bench.failover [--rounds 20]``, as root, from the project's root. Three members. Each round hurts one
of them, the leader in every third set of rounds: a kill (back after 4 s), a freeze (SIGSTOP for 10 s), a restart. Both
clients write 50 times a second, watch with 20 watchers and keep 5 leases of 15 s all the while. Printed are events
missed or out of order (against the store's own history), leases lost, and for each kind of fault the longest time
without a write that succeeded: the median and the worst of its rounds, and the ratio of the two clients' worst.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from itertools import pairwise

import structlog

from grille.store import USUAL_TTL, Event, Lease, Mirror, Store
from grille.wire.errors import GrilleError
from tests.bench.raw import FAILED, Raw
from tests.support.etcd import Change, EtcdCluster

WATCHERS, WRITES, LEASES, TTL = 20, 50, 5, int(USUAL_TTL)
KILLED, FROZEN, SETTLE = 4.0, 10.0, 4.0
KINDS = ("kill", "freeze", "restart")


class Side:
    """One of the two clients under the same faults."""

    def __init__(self, name: str, put: Callable[[str, bytes], Awaitable[int]]) -> None:
        self.name, self.prefix, self._put = name, f"{name}/", put
        self.seen: list[list[Change]] = [[] for _ in range(WATCHERS)]
        self.lost: list[int] = []
        self.done: list[float] = []
        self.failed = 0
        self.gaps: dict[str, list[float]] = defaultdict(list)

    async def write(self) -> None:
        """Begin WRITES writes a second, whatever becomes of those before, without end."""
        number = 0
        tasks = set[asyncio.Task[None]]()
        due = time.monotonic()
        while True:
            number += 1
            task = asyncio.create_task(self._one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            due += 1 / WRITES
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _one(self, number: int) -> None:
        try:
            await self._put(f"{self.prefix}{number % 100}", str(number).encode())
            self.done.append(time.monotonic())
        except (*FAILED, GrilleError):
            self.failed += 1

    def gap(self, start: float, end: float) -> float:
        """The longest time without a successful write between two moments."""
        times = sorted(when for when in self.done if start <= when <= end)
        return max(after - before for before, after in pairwise([start, *times, end]))

    def faults(self, history: list[Change]) -> tuple[int, int]:
        """How many events the watchers missed, and how many came out of order or twice."""
        missed = sum(len(set(history) - set(changes)) for changes in self.seen)
        wild = sum(after[2] <= before[2] for changes in self.seen for before, after in pairwise(changes))
        return missed, wild


def _ours(stores: list[Store]) -> tuple[Side, list[Coroutine[object, object, None]]]:
    side = Side("ours", stores[0].put)
    loops: list[Coroutine[object, object, None]] = []
    for number in range(WATCHERS):
        mirror = Mirror(stores[number % len(stores)], side.prefix)
        mirror.listen(lambda events, _, into=side.seen[number]: into.extend(map(_change, events)))
        loops.append(mirror.run())
    return side, [*loops, *(_keep(stores[number % len(stores)], side.lost) for number in range(LEASES))]


async def _keep(store: Store, lost: list[int]) -> None:
    held: list[int] = []

    async def renewed(lease: int) -> None:
        lost.extend(held[-1:])
        held.append(lease)

    await Lease(store, TTL, renewed).run()


def _change(event: Event) -> Change:
    return event.kind, event.entry.key, event.entry.mod_revision


def _peers(clients: list[Raw]) -> tuple[Side, list[Coroutine[object, object, None]]]:
    side = Side("peer", lambda key, value: clients[0].put(key, value.decode()))
    watches = [clients[number % len(clients)].watch(side.prefix, side.seen[number]) for number in range(WATCHERS)]
    return side, [*watches, *(clients[number % len(clients)].keep(TTL, side.lost) for number in range(LEASES))]


async def _round(cluster: EtcdCluster, kind: str, victim: int) -> None:
    if kind == "kill":
        cluster.kill(victim)
        await asyncio.sleep(KILLED)
        await asyncio.to_thread(cluster.restart, victim)
    elif kind == "freeze":
        cluster.freeze(victim)
        await asyncio.sleep(FROZEN)
        cluster.thaw(victim)
    else:
        await asyncio.to_thread(cluster.restart, victim)
    await asyncio.sleep(SETTLE)


async def _rounds(cluster: EtcdCluster, sides: list[Side], rounds: int) -> None:
    for number in range(rounds):
        kind = KINDS[number % len(KINDS)]
        leader = await asyncio.to_thread(cluster.leader)
        place = number // len(KINDS) % 3  # the leader, then each of the others
        victim = (leader + place) % 3
        start = time.monotonic()
        await _round(cluster, kind, victim)
        what, end = f"{kind} {'follower' if place else 'leader'}", time.monotonic()
        for side in sides:
            side.gaps[what].append(side.gap(start, end))
        told = ", ".join(f"{side.name} {side.gaps[what][-1]:.2f} s" for side in sides)
        print(f"round {number + 1}, {what}: {told}", flush=True)


async def _run(cluster: EtcdCluster, rounds: int) -> None:
    urls = cluster.urls
    turned = [urls[number:] + urls[:number] for number in range(3)]
    stores, clients = [Store(each) for each in turned], [Raw(each) for each in turned]
    pairs = [_ours(stores), _peers(clients)]
    sides = [side for side, _ in pairs]
    tasks = [asyncio.create_task(loop) for _, loops in pairs for loop in loops]
    await asyncio.sleep(2)
    writers = [asyncio.create_task(side.write()) for side in sides]
    await asyncio.sleep(2)
    try:
        await _rounds(cluster, sides, rounds)
    finally:
        await _end(writers)
    await asyncio.sleep(8)  # whatever is under way ends, and watches catch up
    await _end(tasks)
    for store in stores:
        await store.close()
    for client in clients:
        await client.aclose()
    for side in sides:
        _print_events(side, await asyncio.to_thread(cluster.history, side.prefix))
    _print_gaps(*sides)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _print_events(side: Side, history: list[Change]) -> None:
    missed, wild = side.faults(history)
    print(
        f"{side.name}: {len(history)} events to {WATCHERS} watchers, missed {missed}, out of order or twice {wild}; "
        f"leases lost {len(side.lost)}; writes done {len(side.done)}, failed {side.failed}"
    )


def _print_gaps(ours: Side, peer: Side) -> None:
    print("longest time without a successful write, seconds: median and worst of the rounds; ratio of the worst")
    for kind, gaps in sorted(ours.gaps.items()):
        theirs = peer.gaps[kind]
        print(
            f"{kind:18} ours {statistics.median(gaps):5.2f} {max(gaps):5.2f}   "
            f"peer {statistics.median(theirs):5.2f} {max(theirs):5.2f}   "
            f"ratio {max(gaps) / max(theirs):4.2f}   [{' '.join(f'{gap:.2f}' for gap in gaps)}]"
        )


def main() -> None:
    """Run the rounds and print what became of both clients."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    cluster = EtcdCluster(3)
    try:
        asyncio.run(_run(cluster.start(), rounds))
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
