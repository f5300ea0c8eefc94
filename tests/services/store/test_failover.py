"""Members killed, frozen and cut off under writes: nothing is missed, leases stay, guarded writes are decided."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest

from grille.store import BlockingStore, Lease, Mirror, Store
from grille.wire.errors import Unavailable
from tests.services.store.rig import Record, Writer, running, until
from tests.support.etcd import EtcdCluster, EtcdServer
from tests.support.ports import free_port

HURT: dict[str, tuple[Callable[[EtcdCluster, int], None], Callable[[EtcdCluster, int], None]]] = {
    "kill": (EtcdCluster.kill, EtcdCluster.restart),
    "freeze": (EtcdCluster.freeze, EtcdCluster.thaw),
    "cut": (EtcdCluster.cut, EtcdCluster.mend),
}


@pytest.mark.parametrize("kind", HURT)
async def test_members_fail_in_turn_under_writes(cluster: EtcdCluster, kind: str) -> None:
    """The leader, then each of the others; what the mirrors told is the store's own history, event by event."""
    hurt, heal = HURT[kind]
    async with Store(cluster.urls) as store, Store(cluster.urls[::-1]) as other:
        lease = Lease(store, 6, lambda ident: _present(store, ident))
        mirrors = [Mirror(each, "f/") for each in (store, other, other)]
        records, writer = [Record(mirror) for mirror in mirrors], Writer(store, "f/", 0.05)
        async with running(lease.run(), *(mirror.run() for mirror in mirrors)):
            held = await lease.ready()
            born = await _born(store, "present")
            for mirror in mirrors:
                await mirror.ready()
            async with running(writer.run()):
                leader = await asyncio.to_thread(cluster.leader)
                for victim in (leader, (leader + 1) % 3, (leader + 2) % 3):
                    hurt(cluster, victim)
                    await asyncio.sleep(2.0)
                    await asyncio.to_thread(heal, cluster, victim)
                    await asyncio.sleep(0.7)
            history = await asyncio.to_thread(cluster.history, "f/")
            for mirror in mirrors:
                await until(lambda each=mirror: each.revision >= history[-1][2])
            assert all(record.changes == history for record in records)
            assert writer.longest_gap() < 4.0
            present = await store.get("present")
            assert lease.id == held
            assert present is not None
            assert present.create_revision == born  # it never went


async def _born(store: Store, key: str) -> int:
    """The create revision of ``key``, once it is there."""
    while (entry := await store.get(key)) is None:
        await asyncio.sleep(0.02)
    return entry.create_revision


async def _present(store: Store, lease: int) -> None:
    await store.put("present", b"here", lease=lease)


async def test_a_frozen_member_is_noticed_by_its_watches(cluster: EtcdCluster) -> None:
    async with Store(cluster.urls) as store, Store(cluster.urls[1:]) as sound:
        mirrors = [Mirror(store, f"n{number}/") for number in range(5)]
        async with running(*(mirror.run() for mirror in mirrors)):
            await until(lambda: all(mirror.connected for mirror in mirrors))
            victim = 0
            cluster.freeze(victim)
            frozen = time.monotonic()
            try:
                await _written(sound, "n4/x")
                await until(lambda: "n4/x" in mirrors[4].entries, 6)
                assert time.monotonic() - frozen < 5.0
                await until(lambda: all(mirror.connected for mirror in mirrors))
            finally:
                cluster.thaw(victim)


async def _written(store: Store, key: str) -> None:
    for _ in range(5):
        try:
            await store.put(key, b"1")
            return
        except Unavailable:
            continue
    raise AssertionError(f"{key} could not be written")


async def test_idle_watches_cost_one_read_a_second_and_no_entry_of_the_log(etcd: EtcdServer) -> None:
    async with Store([etcd.url]) as store:
        mirrors = [Mirror(store, f"i{number}/") for number in range(20)]
        async with running(*(mirror.run() for mirror in mirrors)):
            await until(lambda: all(mirror.connected for mirror in mirrors))
            await asyncio.sleep(0.5)
            before = _reads(etcd), _log_index(etcd)
            await asyncio.sleep(3)
            after = _reads(etcd), _log_index(etcd)
    assert 2 <= after[0] - before[0] <= 4
    assert after[1] == before[1]


def _reads(etcd: EtcdServer) -> int:
    with etcd.open("/metrics") as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith('grpc_server_handled_total{grpc_code="OK"') and 'grpc_method="Range"' in line:
                return int(float(line.split()[-1]))
    return 0


def _log_index(etcd: EtcdServer) -> int:
    return int(etcd.ask("/v3/maintenance/status", {})["raftIndex"])


class Valve:
    """A TCP relay to ``etcd`` that can lose answers, or requests too: what is lost is lost without a word."""

    def __init__(self, etcd: EtcdServer) -> None:
        self._target = urlsplit(etcd.url)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.answers = self.requests = True

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        await asyncio.gather(
            self._pump(reader, back, lambda: self.requests), self._pump(there, writer, lambda: self.answers)
        )

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, opened: Callable[[], bool]) -> None:
        while data := await source.read(65536):
            if opened():
                sink.write(data)
        sink.close()


@pytest.fixture
async def valve(etcd: EtcdServer) -> AsyncIterator[Valve]:
    relay = Valve(etcd)
    server = await relay.serve()
    yield relay
    server.close()


async def test_a_guarded_write_without_an_answer_is_decided_by_reading(valve: Valve, etcd: EtcdServer) -> None:
    async with Store([valve.url, etcd.url]) as store, Store([etcd.url]) as sound:
        valve.answers = False
        started = time.monotonic()
        revision = await store.put("g", b"mine", expect=0)
        assert time.monotonic() - started < 1.6
        entry = await sound.get("g")
        assert entry is not None
        assert (entry.mod_revision, entry.version) == (revision, 1)


@pytest.mark.parametrize("reached", [True, False])
async def test_other_writes_without_an_answer_are_not_repeated(valve: Valve, etcd: EtcdServer, reached: bool) -> None:
    """Unguarded, or guarded and not found done: the caller is told, nothing is written twice."""
    async with Store([valve.url, etcd.url]) as store, Store([etcd.url]) as sound:
        valve.answers, valve.requests = False, reached
        with pytest.raises(Unavailable, match="did not answer a write"):
            await store.put("u", b"mine", expect=None if reached else 0)
        entry = await sound.get("u")
        assert (entry.version if entry else 0) == (1 if reached else 0)
        await store.put("next", b"1", expect=0)  # at the next member, at once


def test_blocking_client_decides_too(cluster: EtcdCluster) -> None:
    store = BlockingStore(cluster.urls)
    leader = cluster.leader()
    cluster.freeze(leader)
    try:
        cluster.leader()
        started = time.monotonic()
        assert store.get("b") is None
        assert time.monotonic() - started < 1.7
    finally:
        cluster.thaw(leader)
    revision = store.put("b", b"1", expect=0)
    assert store.put("b", b"2", expect=revision) > revision


async def test_quorum_lost_and_returned_reaps_nothing(cluster: EtcdCluster) -> None:
    async with Store(cluster.urls) as store:
        lease = Lease(store, 2, lambda ident: _present(store, ident))
        mirror = Mirror(store, "present", "presenu")
        record = Record(mirror)
        async with running(lease.run(), mirror.run()):
            await until(lambda: "present" in mirror.entries)
            for victim in (0, 1):
                cluster.kill(victim)
            await asyncio.sleep(3.5)
            assert not mirror.connected
            with pytest.raises(Unavailable):
                await store.put("q", b"1")
            await asyncio.gather(*(asyncio.to_thread(cluster.restart, victim) for victim in (0, 1)))
            await until(lambda: mirror.connected, 10)
            await asyncio.sleep(2.5)
            assert [kind for kind, _, _ in record.changes if kind == "delete"] == []
            assert await store.get("present") is not None
