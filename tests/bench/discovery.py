"""Discoverd beside raw etcd, in one run: how soon watchers hear of a change, and what 10,000 instances cost.

``PYTHONPATH=src .venv/bin/python -m tests.bench.discovery [PUTS]``, from the project's root; it starts an etcd and a
discoverd of its own. The peer is etcd's own JSON gateway, on the same member, with the same client: one process with
one epoll loop over raw sockets. A latency is from before the put was sent to when a watcher's socket had the event
(CLOCK_MONOTONIC).
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import multiprocessing
import select
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from grille.codec import encode
from grille.store import Put, Store
from grille.wire.errors import Unavailable
from grille.wire.specs import Instance
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer

IDLE = 30.0  # seconds
TTL = 10.0
AGENTS, SERVICES = 100, 100


def instance(service: str, ident: str, mark: str = "") -> Instance:
    """An instance as an agent registers it."""
    return Instance(
        id=ident,
        service=service,
        address="10.213.0.7",
        port=5000,
        host="host-1",
        created=1.0,
        metadata={"zone": "a", "mark": mark},
    )


def mark(number: int) -> str:
    """What tells one put from another: six characters, so that its base64 does not hang on what follows."""
    return f"m{number:05d}"


@dataclass(frozen=True)
class Plan:
    """What the clients' process does: the bytes that open a watch, what tells that it stands, what is looked for."""

    port: int
    request: bytes
    ready: bytes
    needles: list[bytes]


def _watch(plan: Plan, count: int, pipe: Connection) -> None:
    """The clients' process: ``count`` watchers; for each needle reports when every one of them had it."""
    poll, sockets = select.epoll(), dict[int, socket.socket]()
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", plan.port))
        one.sendall(plan.request)
        one.setblocking(False)
        sockets[one.fileno()] = one
        poll.register(one, select.EPOLLIN)
    for needle in (plan.ready, *plan.needles):
        pipe.send(_seen(poll, sockets, needle))


def _seen(poll: select.epoll, sockets: dict[int, socket.socket], needle: bytes) -> list[int]:
    """When each of ``sockets`` had ``needle``."""
    seen, tails = dict[int, int](), dict[int, bytes]()
    while len(seen) < len(sockets):
        for number, _ in poll.poll():
            data = tails.get(number, b"") + sockets[number].recv(65536)
            now = time.monotonic_ns()
            if needle in data:
                seen[number] = now
            else:
                tails[number] = data[-100:]
    return list(seen.values())


def _measure(plan: Plan, count: int, put: Callable[[int], None]) -> list[float]:
    """Milliseconds from each put to each of ``count`` watchers."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_watch, args=(plan, count, theirs))
    process.start()
    try:
        mine.recv()
        found = []
        for number in range(len(plan.needles)):
            start = time.monotonic_ns()
            put(number)
            found += [(at - start) / 1e6 for at in mine.recv()]
            time.sleep(0.02)
        return found
    finally:
        process.kill()
        process.join()


def _ours(daemon: Daemon, count: int, puts: int) -> list[float]:
    head = "GET /services/web/instances?watch=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer read-token\r\n\r\n"
    client = http.client.HTTPConnection("127.0.0.1", daemon.port)

    def put(number: int) -> None:
        body = {"address": "10.213.0.7", "port": 5000, "ttl": 60, "metadata": {"zone": "a", "mark": mark(number)}}
        headers = {"Authorization": "Bearer deploy-token"}
        client.request("PUT", "/services/web/instances/bench", json.dumps(body), headers)
        client.getresponse().read()

    put(99999)
    needles = [mark(number).encode() for number in range(puts)]
    return _measure(Plan(daemon.port, head.encode(), b"event: current", needles), count, put)


def _peer(etcd: EtcdServer, count: int, puts: int) -> list[float]:
    create = {"key": _base64(b"/grille/services/web/"), "range_end": _base64(b"/grille/services/web0")}
    body = json.dumps({"create_request": create})
    head = f"POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    port = urlsplit(etcd.url).port or 0
    client = http.client.HTTPConnection("127.0.0.1", port)

    def put(number: int) -> None:
        value = mark(number).encode() + encode(instance("web", "peer", mark(number)))
        key = _base64(b"/grille/services/web/.peer")
        client.request("POST", "/v3/kv/put", json.dumps({"key": key, "value": _base64(value)}))
        client.getresponse().read()

    needles = [_base64(mark(number).encode()).encode() for number in range(puts)]
    return _measure(Plan(port, head.encode(), b'"created":true', needles), count, put)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _quantiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[int(len(ordered) * 0.99)]


def _row(what: str, ours: list[float], peer: list[float]) -> None:
    (a50, a99), (b50, b99) = _quantiles(ours), _quantiles(peer)
    print(f"{what:44} Grille p50 {a50:7.2f} p99 {a99:7.2f}   etcd p50 {b50:7.2f} p99 {b99:7.2f}   ", end="")
    print(f"ratio p50 {a50 / b50:5.2f} p99 {a99 / b99:5.2f}", flush=True)


class Agents:
    """Instances registered straight into etcd from AGENTS leases, which are kept alive as agents do."""

    def __init__(self, store: Store, count: int) -> None:
        self._store, self._count = store, count
        self._leases: list[int] = []

    async def register(self) -> None:
        """Write them, spread over SERVICES services."""
        self._leases = [await self._store.grant(TTL) for _ in range(AGENTS)]
        each = self._count // AGENTS
        for number, lease in enumerate(self._leases):
            names = [(f"s{(number * each + i) % SERVICES:03d}", f"i{number * each + i:05d}") for i in range(each)]
            writes = [Put(f"services/{service}/{one}", encode(instance(service, one)), lease) for service, one in names]
            await self._store.transact([], writes)
            await self._store.keepalive(lease)

    async def keep(self, seconds: float) -> None:
        """Keep the leases for ``seconds``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.monotonic()
            with suppress(Unavailable):
                await asyncio.gather(*map(self._store.keepalive, self._leases))
            await asyncio.sleep(max(0.0, TTL / 3 - (time.monotonic() - start)))

    async def gone(self) -> None:
        """Take all out."""
        for lease in self._leases:
            await self._store.revoke(lease)


def _applied(etcd: EtcdServer) -> int:
    request = urllib.request.Request(f"{etcd.url}/v3/maintenance/status", data=b"{}", method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        return int(json.load(answer)["raftAppliedIndex"])


async def _idle(etcd: EtcdServer, agents: Agents) -> int:
    before = _applied(etcd)
    await agents.keep(IDLE)
    return _applied(etcd) - before


def _times(port: int, requests: int, method: str, target: str, body: str, headers: dict[str, str]) -> list[float]:
    client, found = http.client.HTTPConnection("127.0.0.1", port), []
    for _ in range(requests):
        start = time.monotonic()
        client.request(method, target, body, headers)
        assert len(client.getresponse().read()) > 10_000
        found.append((time.monotonic() - start) * 1000)
    return found


async def _finds(daemon: Daemon, etcd: EtcdServer, agents: Agents) -> None:
    kept = asyncio.create_task(agents.keep(3600))
    token = {"Authorization": "Bearer read-token"}
    ranged = {"key": _base64(b"/grille/services/s007/"), "range_end": _base64(b"/grille/services/s0070")}
    peer_port = urlsplit(etcd.url).port or 0
    find = ("GET", "/services/s007/instances", "", token)
    ours = await asyncio.to_thread(_times, daemon.port, 1000, *find)
    peer = await asyncio.to_thread(_times, peer_port, 1000, "POST", "/v3/kv/range", json.dumps(ranged), {})
    _row("find of one service among 10,000, ms", ours, peer)
    kept.cancel()


async def _many(daemon: Daemon, etcd: EtcdServer) -> None:
    async with Store([etcd.url]) as store:
        few, many = Agents(store, 100), Agents(store, 10_000)
        await few.register()
        few_rise = await _idle(etcd, few)
        await few.gone()
        await many.register()
        many_rise = await _idle(etcd, many)
        print(f"etcd's applied index in {IDLE:.0f} s idle: 10,000 instances +{many_rise}, 100 instances +{few_rise}")
        await many.keep(0.1)
        await _finds(daemon, etcd, many)
        print(f"discoverd's resident memory with 10,000 instances: {daemon.memory('VmRSS') / 1e6:.0f} MB")


async def _hundred(etcd: EtcdServer) -> None:
    async with Store([etcd.url]) as store:
        for number in range(99):
            ident = f"i{number:03d}"
            await store.put(f"services/web/{ident}", encode(instance("web", ident)))


def main() -> None:
    """Run it all and print the table."""
    puts = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    etcd = EtcdServer().start()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        data = str(scratch / "data")
        daemon = Daemon("grille.discovery", "DISCOVERD_PORT", scratch, ETCD=etcd.url, DATA=data, LOG_LEVEL="warning")
        try:
            daemon.start()
            asyncio.run(_hundred(etcd))
            for count in (10, 1000):
                name = f"put to event, {count} watchers, ms"
                _row(name, _ours(daemon, count, puts), _peer(etcd, count, puts))
            asyncio.run(_many(daemon, etcd))
        finally:
            daemon.kill()
            etcd.stop()


if __name__ == "__main__":
    main()
