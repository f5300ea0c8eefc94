"""Leases that died because the store was away: held back for a grace, put again unseen, or applied when it is over."""

from __future__ import annotations

import asyncio
import base64
import time

from grille.store import Lease, Mirror, Store
from tests.services.store.rig import Record, running, until
from tests.support.etcd import EtcdCluster, EtcdServer

GRACE = 4.0


async def test_all_members_frozen_for_longer_than_leases_live(cluster: EtcdCluster) -> None:
    async with Store(cluster.urls) as store:
        kept = Lease(store, 2, lambda ident: _put(store, "g/kept", ident))
        mirror, plain = Mirror(store, "g/", grace=GRACE), Mirror(store, "g/")
        record, bare = Record(mirror), Record(plain)
        async with running(kept.run(), mirror.run(), plain.run()):
            for name in ("g/dead", "g/wish"):
                await store.put(name, b"1", lease=await store.grant(8 if name == "g/wish" else 2))
            await store.put("g/free", b"1")
            await until(
                lambda: {"g/dead", "g/wish", "g/kept", "g/free"} <= mirror.entries.keys() & plain.entries.keys()
            )
            await _freeze_all(cluster, 4)
            back = time.monotonic()
            await until(lambda: bare.deleted("g/dead") and bare.deleted("g/kept"), 8)
            await store.delete("g/free")
            await until(lambda: record.deleted("g/free"), 3)  # no lease: applied at once
            assert "g/dead" in mirror.entries
            assert mirror.revision >= plain.revision - 1
            await until(lambda: record.deleted("g/dead"), 2 * GRACE)
            assert record.deleted("g/dead") - back > GRACE - 1
            assert record.deleted("g/kept") == 0
            assert mirror.entries["g/kept"].lease == kept.id
            revisions = [revision for _, _, revision in record.changes]
            assert revisions == sorted(revisions)
            assert "g/dead" not in mirror.entries


async def test_an_explicit_delete_is_applied_at_once(etcd: EtcdServer, store: Store) -> None:
    mirror = Mirror(store, "g/", grace=GRACE)
    record = Record(mirror)
    kept = Lease(store, 30, lambda ident: _put(store, "g/kept", ident))
    async with running(kept.run(), mirror.run()):
        await until(lambda: "g/kept" in mirror.entries)
        etcd.kill()
        await asyncio.sleep(2.2)
        etcd.start()
        await until(lambda: mirror.connected)
        await store.delete("g/kept")
        await until(lambda: record.deleted("g/kept"), 1)


async def test_an_absence_in_a_new_listing_is_held_too(etcd: EtcdServer, store: Store) -> None:
    """The history in which the leases died was compacted away, so that the mirror has to list."""
    dead, again = await store.grant(60), await store.grant(60)
    await store.put("g/dead", b"1", lease=dead)
    await store.put("g/again", b"1", lease=again)
    mirror = Mirror(store, "g/", grace=GRACE)
    record = Record(mirror)
    async with running(mirror.run()):
        await until(lambda: mirror.connected)
    async with Store([etcd.url]) as other:
        await other.revoke(dead)
        await other.revoke(again)
        revision = await other.put("other", b"1")
    etcd.ask("/v3/kv/compaction", {"revision": str(revision), "physical": True})
    await asyncio.sleep(2.2)  # longer than what counts as an absence
    async with running(mirror.run()):
        await until(lambda: mirror.revision >= revision)
        back = time.monotonic()
        assert set(mirror.entries) == {"g/dead", "g/again"}
        await _put(store, "g/again", await store.grant(60))
        await until(lambda: record.deleted("g/dead"), 2 * GRACE)
        assert record.deleted("g/dead") - back > GRACE - 1
        assert record.deleted("g/again") == 0
        assert set(mirror.entries) == {"g/again"}


async def test_a_short_absence_begins_no_grace(etcd: EtcdServer, store: Store) -> None:
    mirror = Mirror(store, "g/", grace=60)
    lease = await store.grant(60)
    await store.put("g/dead", b"1", lease=lease)
    async with running(mirror.run()):
        await until(lambda: mirror.connected)
        etcd.ask("/v3/lease/revoke", {"ID": str(lease)})
        await until(lambda: not mirror.entries, 1)


async def _put(store: Store, key: str, lease: int) -> None:
    await store.put(key, base64.b64encode(key.encode()), lease=lease)


async def _freeze_all(cluster: EtcdCluster, seconds: float) -> None:
    for number in range(3):
        cluster.freeze(number)
    await asyncio.sleep(seconds)
    for number in range(3):
        cluster.thaw(number)
