"""Locks and leases against a real etcd: one holder at a time, fenced; what a lease carries is written in the end."""

from __future__ import annotations

import asyncio
import time

import pytest

from grille import codec
from grille.store import Lease, Lock, Put, Store
from grille.wire import configuration, keys
from grille.wire.errors import Conflict, TimedOut, Unavailable
from tests.services.store.rig import running, until
from tests.support.etcd import EtcdServer


async def test_one_holder_at_a_time_in_the_order_of_asking(store: Store) -> None:
    inside: list[str] = []
    most = 0

    async def use(owner: str) -> None:
        nonlocal most
        async with Lock(store, "backup", owner, ttl=3, timeout=20) as lock:
            inside.append(owner)
            most = max(most, len(inside))
            assert lock.held()
            await store.transact([lock.fence()], [Put(f"by/{owner}", b"1")])
            await asyncio.sleep(0.05)
            inside.remove(owner)

    await asyncio.gather(*(use(f"o{number}") for number in range(6)))
    assert most == 1
    assert len((await store.list("by/")).entries) == 6
    assert not (await store.list(keys.LOCKS)).entries


async def test_waiting_ends_in_time_and_names_the_holder(store: Store) -> None:
    async with Lock(store, "backup", "first", ttl=5):
        started = time.monotonic()
        with pytest.raises(TimedOut, match=r"'backup'.*first holds it"):
            async with Lock(store, "backup", "second", timeout=0.7):
                pytest.fail("two hold the lock")
        assert 0.6 < time.monotonic() - started < 1.7
        entries = (await store.list(keys.LOCKS)).entries.values()
        assert [codec.decode(configuration.Lock, entry.value).owner for entry in entries] == ["first"]


async def test_a_lock_lost_is_not_had_again_and_fences_its_writes(store: Store) -> None:
    async with Lock(store, "backup", "first", ttl=2) as lock:
        fence = lock.fence()
        await store.transact([fence], [Put("by", b"first")])
        entry = next(iter((await store.list(keys.LOCKS)).entries.values()))
        await store.revoke(entry.lease)  # as when its holder was frozen for longer than the lease lives
        async with Lock(store, "backup", "second", ttl=2, timeout=3) as other:
            assert not lock.held()
            with pytest.raises(Conflict):
                await store.transact([lock.fence()], [Put("by", b"first again")])
            await store.transact([other.fence()], [Put("by", b"second")])
        await asyncio.sleep(1.5)
        assert not lock.held()
        assert not (await store.list(keys.LOCKS)).entries


async def test_no_store_is_said_at_the_end_of_the_wait(etcd: EtcdServer, store: Store) -> None:
    etcd.kill()
    with pytest.raises(TimedOut, match="does not answer"):
        async with Lock(store, "backup", "first", timeout=0.5):
            pytest.fail("nobody gave the lock")


async def test_what_lives_under_a_lease_is_written_in_the_end(store: Store) -> None:
    """A write that fails after the grant is tried again, with the same lease."""
    tries: list[int] = []

    async def write(ident: int) -> None:
        tries.append(ident)
        if len(tries) < 3:
            raise Unavailable("not yet")
        await store.put("leased", b"1", lease=ident)

    lease = Lease(store, 5, write)
    async with running(lease.run()):
        await until(lambda: len(tries) == 3, 4)
        assert len(set(tries)) == 1
        await asyncio.sleep(0.2)
        assert await store.get("leased") is not None


async def test_a_lease_is_resumed_when_the_store_comes_late(etcd: EtcdServer, store: Store) -> None:
    ident = await store.grant(30)
    etcd.kill()
    lease = Lease(store, 30, resume=ident)
    async with running(lease.run()):
        await asyncio.sleep(0.5)
        etcd.start()
        assert await asyncio.wait_for(lease.ready(), 5) == ident
