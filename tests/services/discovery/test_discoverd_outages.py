"""Discoverd while the store is away: what it serves, what it accepts, what becomes of that."""

from __future__ import annotations

import json
import time
from pathlib import Path

from grille.codec import decode, encode
from grille.store import Store
from grille.wire.specs import Instance
from tests.services.discovery.rig import WEB, Stream, ids, put, until
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer


def away(daemon: Daemon, etcd: EtcdServer) -> None:
    etcd.kill()
    until(lambda: bool(daemon.call("GET", WEB).json["stale"]))


def back(daemon: Daemon, etcd: EtcdServer) -> None:
    etcd.start()
    until(lambda: not daemon.call("GET", WEB).json["stale"])


async def test_registrations_are_accepted_and_written_later(discoverd: Daemon, etcd: EtcdServer, store: Store) -> None:
    put(discoverd, "one")
    stream = Stream(discoverd, f"{WEB}?watch=1").follow()
    assert stream.names(3) == ["up one", "current", "leader one"]
    away(discoverd, etcd)
    start = time.monotonic()
    made = put(discoverd, "two", metadata={"zone": "a"})
    assert time.monotonic() - start < 4
    assert (made["status"], made["pending"]) == (202, True)
    assert ids(discoverd) == ["one", "two"]
    assert stream.names(1) == ["up two"]
    assert stream.last == "0", "from an event that only this discoverd knows, nothing is resumed"
    gone = discoverd.call("DELETE", f"{WEB}/one")
    assert (gone.status, gone.json["pending"]) == (202, True)
    assert stream.names(2) == ["down one", "leader two"]
    assert discoverd.call("DELETE", f"{WEB}/one").status == 404
    back(discoverd, etcd)
    until(lambda: put(discoverd, "two", metadata={"zone": "a"})["status"] == 200)
    assert set((await store.list("services/web/")).entries) == {"services/web/two"}
    entry = await store.get("services/web/two")
    assert entry is not None
    assert entry.lease
    assert decode(Instance, entry.value) == decode(Instance, encode(made["instance"])), "its age too"
    assert ids(discoverd) == ["two"]
    stream.close()


def test_what_is_not_refreshed_is_dropped(discoverd: Daemon, etcd: EtcdServer) -> None:
    away(discoverd, etcd)
    put(discoverd, "kept", ttl=3)
    put(discoverd, "left", ttl=2)
    assert ids(discoverd) == ["kept", "left"]
    for _ in range(4):
        time.sleep(0.8)
        put(discoverd, "kept", ttl=3)
    assert ids(discoverd) == ["kept"]
    back(discoverd, etcd)
    until(lambda: put(discoverd, "kept", ttl=3)["status"] == 200)
    assert ids(discoverd) == ["kept"]


async def test_what_others_wrote_meanwhile_stands(
    discoverd: Daemon, etcd: EtcdServer, store: Store, tmp_path: Path
) -> None:
    put(discoverd, "one")
    away(discoverd, etcd)
    put(discoverd, "one", port=9000)
    assert discoverd.call("GET", f"{WEB}/one").json["instance"]["port"] == 9000
    discoverd.kill()
    etcd.start()
    mine = Instance(id="one", service="web", address="10.0.0.9", port=7000, created=1.0)
    await store.put("services/web/one", encode(mine))
    discoverd.start()
    until(lambda: discoverd.call("GET", f"{WEB}/one").json.get("instance", {}).get("port") == 7000)
    time.sleep(0.5)
    assert discoverd.call("GET", f"{WEB}/one").json["instance"]["port"] == 7000
    assert "changed by others" in discoverd.log


def test_restarted_while_the_store_is_away(discoverd: Daemon, etcd: EtcdServer) -> None:
    put(discoverd, "one", ttl=60)
    discoverd.call("PUT", "/services/web", json.dumps({"metadata": {"team": "a"}}).encode())
    revision = discoverd.call("GET", WEB).json["revision"]
    assert discoverd.stop() == 0
    etcd.kill()
    discoverd.start()
    found = discoverd.call("GET", WEB).json
    assert ([each["id"] for each in found["instances"]], found["revision"], found["stale"]) == (["one"], revision, True)
    assert 0 < found["age"] < 30
    assert discoverd.call("GET", "/services/web").json["settings"]["metadata"] == {"team": "a"}
    assert put(discoverd, "two", ttl=60)["status"] == 202
    discoverd.kill()
    discoverd.start()
    assert ids(discoverd) == ["one", "two"], "what is pending outlives discoverd"
    stream = Stream(discoverd, f"{WEB}?watch=1").follow()
    assert stream.names(4) == ["up one", "up two", "current", "leader one"]
    back(discoverd, etcd)
    until(lambda: put(discoverd, "two", ttl=60)["status"] == 200)
    assert ids(discoverd) == ["one", "two"]
    stream.close()


async def emptied_behind_its_back(discoverd: Daemon, store: Store) -> None:
    """Discoverd is stopped after it saved two instances, "leased" and "fixed", that are then deleted."""
    mine = Instance(id="fixed", service="web", address="10.0.0.9", port=7000, created=1.0)
    await store.put("services/web/fixed", encode(mine))
    put(discoverd, "leased", ttl=60)
    until(lambda: ids(discoverd) == ["fixed", "leased"])
    assert discoverd.stop() == 0
    await store.delete("services/web/", prefix=True)


async def test_gone_while_discoverd_was_away(discoverd: Daemon, etcd: EtcdServer, store: Store) -> None:
    """The store answers at once: what is gone is gone."""
    await emptied_behind_its_back(discoverd, store)
    discoverd.start()
    until(lambda: not discoverd.call("GET", WEB).json["stale"])
    assert ids(discoverd) == []


async def test_gone_while_discoverd_and_the_store_were_away(discoverd: Daemon, etcd: EtcdServer, store: Store) -> None:
    """What has no lease goes at once; what had one is left some time to come back."""
    await emptied_behind_its_back(discoverd, store)
    etcd.freeze()
    discoverd.start()
    until(lambda: discoverd.call("GET", WEB).json["stale"])
    time.sleep(3)
    etcd.thaw()
    until(lambda: not discoverd.call("GET", WEB).json["stale"])
    assert ids(discoverd) == ["leased"]


def test_the_lease_that_died_with_the_store_costs_no_age(discoverd: Daemon, etcd: EtcdServer) -> None:
    made = put(discoverd, "one", ttl=3)
    etcd.freeze()
    time.sleep(6)
    etcd.thaw()
    time.sleep(1.5)
    assert ids(discoverd) == ["one"]
    until(lambda: put(discoverd, "one", ttl=3)["status"] != 202)
    assert discoverd.call("GET", f"{WEB}/one").json["instance"]["created"] == made["instance"]["created"]


def test_settings_need_the_store(discoverd: Daemon, etcd: EtcdServer) -> None:
    away(discoverd, etcd)
    refused = discoverd.call("PUT", "/services/web", b'{"metadata": {}}')
    assert (refused.status, refused.json["code"]) == (503, "unavailable")


def test_a_saved_state_that_cannot_be_read(discoverd: Daemon, etcd: EtcdServer, tmp_path: Path) -> None:
    put(discoverd, "one")
    assert discoverd.stop() == 0
    (tmp_path / "data" / "snapshot.json").write_text('{"revision": 5')
    (tmp_path / "data" / "pending.json").write_text('{"item": {"instance"\n')
    discoverd.start()
    until(lambda: discoverd.call("GET", WEB).status == 200)
    assert ids(discoverd) == ["one"]
