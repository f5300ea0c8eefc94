"""Discoverd as a process over a real etcd: registrations, finds, watches, and the store away."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from grille.codec import encode
from grille.store import Store
from grille.wire.specs import Instance
from tests.services.discovery.rig import WEB, Stream, ids, put, until
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer


def test_life_of_a_registration(discoverd: Daemon) -> None:
    made = put(discoverd, "one", metadata={"zone": "a"})
    assert (made["status"], made["changed"], made["ttl"]) == (201, True, 30.0)
    again = put(discoverd, "one", metadata={"zone": "a"})
    assert (again["status"], again["changed"], again["instance"]) == (200, False, made["instance"])
    other = put(discoverd, "one", port=8001)
    assert (other["status"], other["changed"]) == (200, True)
    assert other["instance"]["created"] == made["instance"]["created"], "an update does not cost the seniority"
    found = discoverd.call("GET", WEB, token="read").json
    assert found["instances"] == [other["instance"]]
    assert (found["stale"], found["revision"] >= other["revision"]) == (False, True)
    assert discoverd.call("GET", f"{WEB}/one").json["instance"]["port"] == 8001
    assert discoverd.call("DELETE", f"{WEB}/one").status == 200
    assert ids(discoverd) == []
    assert discoverd.call("DELETE", f"{WEB}/one").json["code"] == "unknown_instance"
    assert discoverd.call("GET", f"{WEB}/one").status == 404
    assert put(discoverd, "one")["status"] == 201


async def test_repeated_puts_write_nothing_to_the_store(discoverd: Daemon, store: Store) -> None:
    put(discoverd, "one")
    before = await store.revision()
    for _ in range(20):
        assert put(discoverd, "one")["changed"] is False
    assert await store.revision() == before


def test_a_registration_ends_with_its_ttl_and_lives_while_put(discoverd: Daemon) -> None:
    put(discoverd, "kept", ttl=2)
    put(discoverd, "left", ttl=2)
    for _ in range(7):
        time.sleep(0.7)
        put(discoverd, "kept", ttl=2)
    until(lambda: ids(discoverd) == ["kept"])
    assert put(discoverd, "left", ttl=2)["status"] == 201


def test_any_discoverd_keeps_any_registration(discoverd: Daemon, etcd: EtcdServer, tmp_path: Path) -> None:
    second = Daemon("grille.discovery", "DISCOVERD_PORT", tmp_path / "second", ETCD=etcd.url).start()
    try:
        made = put(discoverd, "one")
        until(lambda: second.call("GET", "/services").status == 200 and ids(second) == ["one"])
        assert put(second, "one")["changed"] is False
        assert second.call("DELETE", f"{WEB}/one").status == 200
        again = put(discoverd, "one")
        assert again["changed"] is True, "deleted through the other one: it must be written again"
        assert again["instance"]["created"] >= made["instance"]["created"]
        until(lambda: ids(second) == ["one"])
    finally:
        second.kill()


def test_a_new_ttl_takes_effect(discoverd: Daemon) -> None:
    assert put(discoverd, "one", ttl=3)["ttl"] == 3
    longer = put(discoverd, "one", ttl=60)
    assert (longer["ttl"], longer["changed"]) == (60, True)
    assert put(discoverd, "one", ttl=60)["changed"] is False
    assert put(discoverd, "one", ttl=2)["ttl"] == 2
    until(lambda: ids(discoverd) == [])


def test_finds_services_and_leaders(discoverd: Daemon) -> None:
    put(discoverd, "b", metadata={"zone": "a"}, host="h1")
    put(discoverd, "a", metadata={"zone": "b"}, protocol="tcp")
    assert ids(discoverd) == ["b", "a"], "the oldest first"
    assert ids(discoverd, "?meta.zone=a") == ["b"]
    assert ids(discoverd, "?protocol=tcp") == ["a"]
    assert ids(discoverd, "?host=h1&meta.zone=b") == []
    assert discoverd.call("GET", "/services").json["services"] == [{"name": "web", "instances": 2, "leader": "b"}]
    assert discoverd.call("GET", "/services/web/leader").json["leader"]["id"] == "b"
    discoverd.call("DELETE", f"{WEB}/b")
    assert discoverd.call("GET", "/services/web/leader").json["leader"]["id"] == "a"
    assert discoverd.call("GET", "/services/none/leader").json["code"] == "unknown_leader"
    assert discoverd.call("GET", "/services/none/instances").json["instances"] == []


MISTAKES: list[tuple[str, str, bytes | None]] = [
    ("PUT", f"{WEB}/one", b"{"),
    ("PUT", f"{WEB}/one", b"[]"),
    ("PUT", f"{WEB}/one", b'{"address": "10.0.0.1"}'),
    ("PUT", f"{WEB}/one", b'{"address": "10.0.0.1", "port": 99999}'),
    ("PUT", f"{WEB}/one", b'{"address": "10.0.0.1", "port": 1, "ttl": NaN}'),
    ("PUT", f"{WEB}/ONE", b'{"address": "10.0.0.1", "port": 1}'),
    ("PUT", "/services/a%2Fb/instances/one", b'{"address": "10.0.0.1", "port": 1}'),
    ("GET", f"{WEB}?zone=a", None),
    ("GET", f"{WEB}?watch=maybe", None),
    ("GET", "/services/../instances", None),
]


def test_mistakes_are_problems(discoverd: Daemon) -> None:
    for method, target, body in MISTAKES:
        refused = discoverd.call(method, target, body)
        assert (refused.status, refused.headers.get_content_type()) == (400, "application/problem+json"), target
        assert refused.json["code"].startswith("invalid")
        assert refused.json["detail"]


def test_roles(discoverd: Daemon) -> None:
    body = b'{"address": "10.0.0.1", "port": 1}'
    assert discoverd.call("PUT", f"{WEB}/one", body, token="read").status == 403
    assert discoverd.call("DELETE", f"{WEB}/one", token="read").status == 403
    assert discoverd.call("GET", WEB, token="").status == 401


async def test_a_jobs_instance_is_its_agents(discoverd: Daemon, store: Store) -> None:
    job = Instance(id="shop-web-1", service="web", address="10.0.0.9", port=5000, app="shop", created=1.0)
    lease = await store.grant(30)
    await store.put("services/web/shop-web-1", encode(job), lease=lease)
    until(lambda: ids(discoverd) == ["shop-web-1"])
    refused = discoverd.call("PUT", f"{WEB}/shop-web-1", b'{"address": "10.0.0.1", "port": 1}')
    assert (refused.status, refused.json["code"]) == (409, "instance_of_job")
    assert discoverd.call("DELETE", f"{WEB}/shop-web-1").status == 409
    assert await store.keepalive(lease) > 0
    assert ids(discoverd) == ["shop-web-1"]


def test_watching(discoverd: Daemon) -> None:
    put(discoverd, "one", metadata={"zone": "a"})
    stream = Stream(discoverd, f"{WEB}?watch=1").follow()
    zone = Stream(discoverd, f"{WEB}?watch=1&meta.zone=a").follow()
    assert stream.names(3) == zone.names(3) == ["up one", "current", "leader one"]
    put(discoverd, "two")
    put(discoverd, "one", metadata={"zone": "b"})
    discoverd.call("DELETE", f"{WEB}/one")
    assert stream.names(4) == ["up two", "update one", "down one", "leader two"]
    assert zone.names(2) == ["down one", "leader two"]
    zone.close()
    put(discoverd, "three")
    assert stream.names(1) == ["up three"]
    assert discoverd.stop() == 0, "open streams do not keep it from ending"
    assert "request failed" not in discoverd.log


def test_a_reader_that_is_slow_starts_over(discoverd: Daemon) -> None:
    """It reads nothing while more changes go by than discoverd keeps for it; then it learns how things stand."""
    fat = {f"key-{number}": "x" * 1000 for number in range(60)}
    stream = Stream(discoverd, f"{WEB}?watch=1")
    time.sleep(0.3)
    for number in range(500):
        put(discoverd, "one", port=1000 + number, metadata=fat)
    stream.follow()
    seen: list[tuple[str, Any]] = []
    while not seen or seen[-1][0] != "resync":
        seen.append(stream.next())
        assert len(seen) < 500
    name, data = stream.next()
    assert (name, data["port"]) == ("up", 1499)
    assert stream.names(2) == ["current", "leader one"]
    assert discoverd.memory() < 150e6
    stream.close()


def test_the_store_away(discoverd: Daemon, etcd: EtcdServer) -> None:
    put(discoverd, "one")
    stream = Stream(discoverd, f"{WEB}?watch=1").follow()
    assert stream.names(3) == ["up one", "current", "leader one"]
    etcd.kill()
    until(lambda: bool(discoverd.call("GET", WEB).json["stale"]))
    time.sleep(0.2)
    found = discoverd.call("GET", WEB).json
    assert [each["id"] for each in found["instances"]] == ["one"]
    assert found["age"] > 0.1
    assert found["revision"] > 0
    assert discoverd.call("GET", "/services/web/leader").json["leader"]["id"] == "one"
    etcd.start()
    until(lambda: not discoverd.call("GET", WEB).json["stale"])
    put(discoverd, "two")
    assert stream.names(1) == ["up two"]
    stream.close()


def test_started_before_the_store(etcd: EtcdServer, tmp_path: Path) -> None:
    etcd.kill()
    daemon = Daemon("grille.discovery", "DISCOVERD_PORT", tmp_path, ETCD=etcd.url).start()
    try:
        assert daemon.call("GET", "/services").json["code"] == "unavailable"
        etcd.start()
        until(lambda: daemon.call("GET", "/services").status == 200)
        assert daemon.stop() == 0
    finally:
        daemon.kill()
