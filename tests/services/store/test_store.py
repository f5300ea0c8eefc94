"""The store against a real etcd: guards, listings, mirrors over outages and compaction, leases, election."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import subprocess
import urllib.request
from collections.abc import AsyncIterator

import pytest

from grille.store import Check, Delete, Election, Lease, Mirror, Put, Store
from grille.wire.errors import Conflict, Unavailable
from tests.support.etcd import EtcdServer


@contextlib.asynccontextmanager
async def running(*loops: object) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop) for loop in loops]  # type: ignore[arg-type]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_guarded_writes(store: Store) -> None:
    assert await store.get("a") is None
    revision = await store.put("a", b"1", expect=0)
    with pytest.raises(Conflict):
        await store.put("a", b"2", expect=0)
    with pytest.raises(Conflict):
        await store.put("a", b"2", expect=revision + 7)
    await store.put("a", b"2", expect=revision)
    entry = await store.get("a")
    assert entry is not None
    assert (entry.key, entry.value, entry.create_revision, entry.version) == ("a", b"2", revision, 2)
    assert await store.delete("a") > revision
    assert await store.delete("a") == 0


async def test_transaction_is_all_or_nothing(store: Store) -> None:
    await store.put("x/1", b"1")
    with pytest.raises(Conflict):
        await store.transact([Check("x/2", 5)], [Put("y", b"3"), Delete("x/", prefix=True)])
    assert list((await store.list("x/")).entries) == ["x/1"]
    await store.transact([Check("x/2", 0)], [Delete("x/", prefix=True), Put("y", b"3")])
    assert not (await store.list("x/")).entries


async def test_listing_pages_at_one_revision(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grille.store.protocol.LIST_PAGE", 7)
    for number in range(30):
        await store.put(f"many/{number:03d}", str(number).encode())
    await store.put("manz", b"outside")
    listing = await store.list("many/")
    assert [int(entry.value) for entry in listing.entries.values()] == list(range(30))
    assert listing.revision == await store.revision()


async def test_mirror_follows_and_survives_an_outage(store: Store, etcd: EtcdServer) -> None:
    await store.put("m/1", b"1")
    mirror = Mirror(store, "m/")
    async with running(mirror.run()):
        await mirror.ready()
        revision = await store.put("m/2", b"2")
        assert await mirror.wait(revision - 1, 2) == revision
        etcd.kill()
        with pytest.raises(Unavailable):
            await store.put("m/3", b"3")
        assert set(mirror.entries) == {"m/1", "m/2"}
        etcd.start()
        revision = await store.put("m/4", b"4")
        await store.delete("m/1")
        await mirror.wait(revision, 5)
        assert set(mirror.entries) == {"m/2", "m/4"}


async def test_mirror_lists_again_after_compaction(store: Store, etcd: EtcdServer) -> None:
    await store.put("c/old", b"1")
    mirror = Mirror(store, "c/")
    async with running(mirror.run()):
        await mirror.ready()
        seen: list[str] = []
        mirror.listen(lambda events, revision: seen.extend(event.entry.key for event in events))
    # The mirror is cut off; meanwhile its next revision is compacted away.
    await store.delete("c/old")
    for number in range(5):
        revision = await store.put("c/new", str(number).encode())
    body = json.dumps({"revision": str(revision), "physical": True}).encode()
    urllib.request.urlopen(f"{etcd.url}/v3/kv/compaction", body, timeout=5).close()
    async with running(mirror._follow()):
        await asyncio.sleep(0.5)
    async with running(mirror.run()):
        await mirror.wait(revision - 1, 5)
    assert set(mirror.entries) == {"c/new"}
    assert set(seen) == {"c/new", "c/old"}


async def test_frozen_member_is_left_for_the_next(etcd: EtcdServer) -> None:
    frozen = EtcdServer().start()
    try:
        frozen.freeze()
        async with Store([frozen.url, etcd.url], timeout=0.4) as client:
            assert await client.get("nothing") is None
    finally:
        frozen.thaw()
        frozen.stop()


async def test_lease_is_kept_and_granted_anew(store: Store) -> None:
    written: list[int] = []

    async def write(lease: int) -> None:
        written.append(lease)
        await store.put("leased", b"here", lease=lease)

    lease = Lease(store, 2, write)
    async with running(lease.run()):
        first = await lease.ready()
        await asyncio.sleep(3)
        assert await store.get("leased") is not None
        await store.revoke(first)
        await asyncio.sleep(1.5)
        assert len(written) == 2
        assert await store.get("leased") is not None
    resumed = Lease(store, 2, write, resume=written[-1])
    async with running(resumed.run()):
        assert await resumed.ready() == written[-1]


async def test_deposed_leader_cannot_write(store: Store) -> None:
    one, two = Election(store, "t", "one", ttl=2), Election(store, "t", "two", ttl=2)
    first, second = asyncio.create_task(one.run()), asyncio.create_task(_later(two))
    try:
        await _until(one.leads)
        fence = one.fence()
        await store.transact([fence], [Put("by", b"one")])
        assert not two.leads()
        first.cancel()
        await _until(two.leads)
        with pytest.raises(Conflict):
            await store.transact([fence], [Put("by", b"one again")])
        await store.transact([two.fence()], [Put("by", b"two")])
    finally:
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)


async def _later(election: Election) -> None:
    await asyncio.sleep(0.3)
    await election.run()


async def _until(condition: object) -> None:
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.02)


def test_keys_are_plain_to_etcdctl(etcd: EtcdServer) -> None:
    """What is written through the gateway is what any other client reads."""

    async def write() -> None:
        async with Store([etcd.url]) as client:
            await client.put("schema", b"1")

    asyncio.run(write())
    body = json.dumps({"key": base64.b64encode(b"/grille/schema").decode()}).encode()
    answer = subprocess.run(
        ["curl", "-sf", f"{etcd.url}/v3/kv/range", "-d", body], capture_output=True, check=True, timeout=10
    )
    assert json.loads(answer.stdout)["kvs"][0]["value"] == base64.b64encode(b"1").decode()
