"""Forced changes of a leader under contention: Grille's election beside etcd's own, in one run.

``python -m tests.bench.election [--changes 100]``, as root, from the project's root. Three etcd members, four
candidates in processes of their own. The leader of the moment is stopped (SIGTERM), killed, or, each fifth time, frozen
until another one leads and then let go on. A leader writes 100 times a second with the fence that it got when it was
elected, and goes on with it until it is refused. Printed are the writes that got through while, by the store's own
history, another candidate led, and the median and worst time from the signal to the first write of the next leader.
The peer is ``/v3/election/campaign`` of etcd's gateway, with its leader key as the fence.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Coroutine

import aiohttp
import structlog

from grille.store import Election, Event, Mirror, Put, Store
from grille.wire.errors import Conflict, Unavailable
from tests.bench.raw import FAILED, Raw, encode
from tests.support.etcd import Change, EtcdCluster

CANDIDATES, TTL, PAUSE = 4, 2, 0.01
MODES = (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP)
NAMES = {signal.SIGTERM: "clean stop", signal.SIGKILL: "kill", signal.SIGSTOP: "freeze"}
Hands = dict[str, list[float]]


async def _ours(urls: list[str], identity: str) -> None:
    """A candidate of ``Election``, for ever."""
    async with Store(urls) as store:
        election = Election(store, "ours", identity, ttl=TTL)
        async with asyncio.TaskGroup() as group:
            group.create_task(election.run())
            group.create_task(_lead(store, election, identity))


async def _lead(store: Store, election: Election, identity: str) -> None:
    while True:
        if not election.leads():
            await election.changed(0.5)
            continue
        fence = election.fence()
        try:
            while True:
                await store.transact([fence], [Put(f"by/ours/{identity}", b"1")])
                await asyncio.sleep(PAUSE)
        except (Conflict, Unavailable):
            await asyncio.sleep(PAUSE)


async def _peer(urls: list[str], identity: str) -> None:
    """A candidate of etcd's own election, for ever; its identity is its lease, which etcd puts into its key."""
    async with contextlib.aclosing(Raw(urls)) as raw:
        while True:
            await _candidacy(raw, identity)


async def _candidacy(raw: Raw, identity: str) -> None:
    """One grant of the lease, until it is lost or the leader was deposed."""
    lease = str(int(identity, 16))
    await raw.ask("/v3/lease/grant", {"TTL": str(TTL), "ID": lease})
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_keep(raw, lease))
            group.create_task(_campaign(raw, lease, identity))
    except* (*FAILED, Conflict):
        await asyncio.sleep(PAUSE)
    finally:
        with contextlib.suppress(*FAILED):  # gone already
            await asyncio.shield(raw.ask("/v3/lease/revoke", {"ID": lease}))


async def _keep(raw: Raw, lease: str) -> None:
    while "TTL" in (await raw.ask("/v3/lease/keepalive", {"ID": lease}))["result"]:
        await asyncio.sleep(TTL / 3)
    raise Conflict("the lease is gone")


async def _campaign(raw: Raw, lease: str, identity: str) -> None:
    request = {"name": encode("/grille/election/peer"), "lease": lease, "value": encode(identity)}
    leader = (await raw.ask("/v3/election/campaign", request, aiohttp.ClientTimeout(total=None)))["leader"]
    fence = {"key": leader["key"], "target": "CREATE", "result": "EQUAL", "create_revision": leader["rev"]}
    write = {"request_put": {"key": encode(f"/grille/by/peer/{identity}"), "value": "MQ=="}}
    while (await raw.ask("/v3/kv/txn", {"compare": [fence], "success": [write]})).get("succeeded"):
        await asyncio.sleep(PAUSE)
    raise Conflict("deposed")


def _stand(side: str, urls: list[str], identity: str) -> None:
    """What a candidate's process does, until SIGTERM."""

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await (_ours if side == "ours" else _peer)(urls, identity)

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        sys.exit(0)


class Bench:
    """The changes of one side's leader, and what the store tells of them."""

    def __init__(self, side: str, urls: list[str], store: Store) -> None:
        self._side, self._urls = side, urls
        self._candidates: dict[str, subprocess.Popen[bytes]] = {}
        self._writes, self._standing = Mirror(store, f"by/{side}/"), Mirror(store, f"election/{side}/")
        self._writes.listen(self._note)
        self._last, self._when = "", 0.0
        self._written = asyncio.Event()

    def loops(self) -> list[Coroutine[object, object, None]]:
        """What runs beside ``changes``."""
        return [self._writes.run(), self._standing.run()]

    def _note(self, events: list[Event], _: int) -> None:
        for event in events:
            writer = event.entry.key.rpartition("/")[2]
            if writer != self._last:
                self._last, self._when = writer, time.monotonic()
                self._written.set()

    async def changes(self, count: int) -> Hands:
        """Force ``count`` changes; the seconds of each until the next leader wrote, by what was done."""
        hands: Hands = defaultdict(list)
        try:
            await self._fill()
            await self._next("")
            for number in range(count):
                mode = MODES[number % len(MODES)]
                hands[NAMES[mode]].append(await self._change(mode))
                await self._fill()
        finally:
            for process in self._candidates.values():
                process.kill()
                process.wait()
        return hands

    async def _change(self, mode: signal.Signals) -> float:
        leader = self._last
        process = self._candidates[leader]
        start = time.monotonic()
        process.send_signal(mode)
        seconds = await self._next(leader) - start
        if mode is signal.SIGSTOP:
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.5)
        else:
            await asyncio.to_thread(self._candidates.pop(leader).wait)
        return seconds

    async def _next(self, leader: str) -> float:
        """When another one than ``leader`` wrote first (monotonic seconds)."""
        async with asyncio.timeout(30):
            while self._last == leader:
                self._written.clear()
                await self._written.wait()
        return self._when

    async def _fill(self) -> None:
        """Start candidates until there are enough, and wait until all stand."""
        while len(self._candidates) < CANDIDATES:
            identity = f"{secrets.randbits(60) | 1 << 60:x}"
            command = [sys.executable, "-m", "tests.bench.election", "--stand", self._side, identity, *self._urls]
            self._candidates[identity] = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": "src:."})
        async with asyncio.timeout(30):
            while len(self._standing.entries) < CANDIDATES:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)


def wrongful(side: str, history: list[Change]) -> tuple[int, int]:
    """How many fenced writes there were, and how many while another candidate led, by the store's own history."""
    queue: dict[str, None] = {}  # the candidates' keys, the oldest first
    writes = wrong = 0
    for kind, key, _ in history:
        name = key.rpartition("/")[2]
        if key.startswith(f"election/{side}/"):
            if kind == "put":
                queue.setdefault(name)
            else:
                queue.pop(name, None)
        elif key.startswith(f"by/{side}/"):
            writes += 1
            wrong += next(iter(queue), "") != name
    return writes, wrong


async def _run(cluster: EtcdCluster, count: int) -> dict[str, Hands]:
    hands = {}
    for side in ("ours", "peer"):
        async with Store(cluster.urls) as store, asyncio.TaskGroup() as group:
            bench = Bench(side, cluster.urls, store)
            loops = [group.create_task(loop) for loop in bench.loops()]
            hands[side] = await bench.changes(count)
            for loop in loops:
                loop.cancel()
        writes, wrong = wrongful(side, await asyncio.to_thread(cluster.history, ""))
        print(f"{side}: {count} changes of the leader, {writes} fenced writes, {wrong} by a deposed leader", flush=True)
    return hands


def main() -> None:
    """Force the changes on both sides and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--stand", nargs="+", help=argparse.SUPPRESS)
    words = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if words.stand:
        _stand(words.stand[0], words.stand[2:], words.stand[1])
        return
    cluster = EtcdCluster(3)
    try:
        hands = asyncio.run(_run(cluster.start(), words.changes))
    finally:
        cluster.stop()
    print(f"seconds from the signal to the next leader's first write, leases of {TTL} s: median and worst; ratio")
    for mode, ours in hands["ours"].items():
        peer = hands["peer"][mode]
        mine, theirs = statistics.median(ours), statistics.median(peer)
        print(
            f"{mode:10} ours {mine:6.3f} {max(ours):6.3f}   peer {theirs:6.3f} {max(peer):6.3f}   "
            f"ratio of medians {mine / theirs:4.2f}   ({len(ours)} changes)"
        )


if __name__ == "__main__":
    main()
