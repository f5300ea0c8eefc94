"""Things outside the grid as discoverd checks them: in while they are well, out in time when they are not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from grille.codec import encode
from grille.store import Store
from grille.wire.specs import Instance
from tests.services.discovery.checks.rig import INSTANCES, OUTSIDE, Thing, found, put, state, until
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer

QUICK = {"interval": 1, "threshold": 2, "timeout": 0.3}
WEB = {**QUICK, "type": "http", "path": "/status"}


def test_life_of_a_thing(discoverd: Daemon, thing: Thing) -> None:
    made = put(discoverd, "main", thing.port, check=QUICK, metadata={"role": "primary"})
    assert (made["status"], made["changed"]) == (201, True)
    assert until(lambda: found(discoverd) == ["main"]) < 1, "it is checked at once"
    again = put(discoverd, "main", thing.port, check=QUICK, metadata={"role": "primary"})
    assert (again["status"], again["changed"], again["passing"]) == (200, False, True)
    assert again["revision"] == made["revision"]
    instance = discoverd.call("GET", f"{INSTANCES}/main").json["instance"]
    assert instance == made["outside"]["instance"]
    assert (instance["port"], instance["protocol"], instance["metadata"]) == (thing.port, "tcp", {"role": "primary"})
    changed = put(discoverd, "main", thing.port, check=QUICK, metadata={"role": "replica"})
    assert (changed["status"], changed["changed"]) == (200, True)
    assert changed["outside"]["instance"]["created"] == instance["created"], "a change does not cost the age"
    until(lambda: discoverd.call("GET", f"{INSTANCES}/main").json["instance"]["metadata"] == {"role": "replica"})
    assert discoverd.call("DELETE", f"{OUTSIDE}/main").status == 200
    assert found(discoverd) == []
    assert state(discoverd, "main")["code"] == "unknown_outside_registration"
    assert discoverd.call("DELETE", f"{OUTSIDE}/main").status == 404


@pytest.mark.parametrize("threshold", [1, 2, 3])
def test_a_thing_that_stops_is_out_within_interval_times_threshold(
    discoverd: Daemon, thing: Thing, threshold: int
) -> None:
    put(discoverd, "main", thing.port, check={"interval": 1, "threshold": threshold})
    until(lambda: found(discoverd) == ["main"])
    age = discoverd.call("GET", f"{INSTANCES}/main").json["instance"]["created"]
    for phase in (0.1, 0.6):
        time.sleep(1 + phase)
        thing.stop()
        assert until(lambda: found(discoverd) == []) < threshold
        view = state(discoverd, "main")
        assert (view["passing"], view["reason"], view["checked_by"]) == (False, "connection refused", "h1")
        assert time.time() - view["since"] < 1
        thing.start()
        assert until(lambda: found(discoverd) == ["main"]) < 1.2
    assert discoverd.call("GET", f"{INSTANCES}/main").json["instance"]["created"] == age
    assert (state(discoverd, "main")["passing"], state(discoverd, "main")["reason"]) == (True, "")


def test_a_frozen_thing_passes_tcp_and_fails_http(discoverd: Daemon, thing: Thing) -> None:
    put(discoverd, "tcp", thing.port, check=QUICK)
    put(discoverd, "http", thing.port, check=WEB)
    until(lambda: found(discoverd) == ["tcp", "http"])
    thing.freeze()
    assert until(lambda: found(discoverd) == ["tcp"]) < 2
    assert state(discoverd, "http")["reason"] == "no answer within 0.3 s"
    thing.thaw()
    until(lambda: sorted(found(discoverd)) == ["http", "tcp"])


def test_http_checks_want_200_to_399(discoverd: Daemon, thing: Thing) -> None:
    put(discoverd, "wrong", thing.port, check={**WEB, "path": "/none"})
    put(discoverd, "moved", thing.port, check={**WEB, "path": "/moved"})
    until(lambda: state(discoverd, "wrong")["passing"] is False)
    assert state(discoverd, "wrong")["reason"] == "HTTP status 404"
    until(lambda: found(discoverd) == ["moved"])


def test_names_are_resolved_at_each_check(discoverd: Daemon, thing: Thing) -> None:
    put(discoverd, "named", thing.port, check=QUICK, address="localhost")
    put(discoverd, "nowhere", thing.port, check=QUICK, address="nowhere.invalid")
    until(lambda: found(discoverd) == ["named"])
    until(lambda: state(discoverd, "nowhere")["reason"] == "nowhere.invalid does not resolve")
    instance = discoverd.call("GET", f"{INSTANCES}/named").json["instance"]
    assert instance["address"] == "localhost", "the instance has the address as it was given"


def test_a_new_address_replaces_the_old_when_it_passes(discoverd: Daemon, thing: Thing) -> None:
    other = Thing().start()
    slow = {"interval": 30, "threshold": 3}
    try:
        put(discoverd, "main", thing.port, check=slow)
        until(lambda: found(discoverd) == ["main"])
        put(discoverd, "main", other.port, check=slow)
        until(lambda: discoverd.call("GET", f"{INSTANCES}/main").json["instance"]["port"] == other.port)
    finally:
        other.close()
    put(discoverd, "main", other.port, check={**slow, "interval": 29})
    assert found(discoverd) == ["main"], "the same target: one failure does not take it out"
    put(discoverd, "main", 1, check=slow)
    assert until(lambda: found(discoverd) == []) < 2, "what stood is not what is registered: one failure decides"


async def test_what_others_hold_is_left_alone(discoverd: Daemon, store: Store, thing: Thing) -> None:
    job = Instance(id="shop-web-1", service="db", address="10.0.0.9", port=5000, app="shop", created=1.0)
    await store.put("services/db/shop-web-1", encode(job), lease=await store.grant(60))
    body = json.dumps({"address": "127.0.0.1", "port": thing.port}).encode()
    assert discoverd.call("PUT", f"{INSTANCES}/plain", body).status == 201
    for ident, code in (("shop-web-1", "instance_of_job"), ("plain", "instance_with_ttl")):
        refused = discoverd.call("PUT", f"{OUTSIDE}/{ident}", body)
        assert (refused.status, refused.json["code"]) == (409, code)
    assert discoverd.call("GET", "/outside").json["outside"] == []


def test_a_client_cannot_write_what_checks_keep(discoverd: Daemon, thing: Thing) -> None:
    put(discoverd, "main", thing.port, check=QUICK)
    body = json.dumps({"address": "127.0.0.1", "port": 1}).encode()
    until(lambda: found(discoverd) == ["main"])
    for method, sent in (("PUT", body), ("DELETE", None)):
        refused = discoverd.call(method, f"{INSTANCES}/main", sent)
        assert (refused.status, refused.json["code"]) == (409, "instance_with_check")
        assert f"{OUTSIDE}/main" in refused.json["remedy"]
    assert found(discoverd) == ["main"]


def test_the_calls_are_described(discoverd: Daemon) -> None:
    paths = discoverd.call("GET", "/openapi.json", token="read").json["paths"]
    assert set(paths["/services/{service}/outside/{id}"]) == {"get", "put", "delete"}
    assert paths["/outside"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]


async def test_an_instance_deleted_by_hand_comes_back(discoverd: Daemon, store: Store, thing: Thing) -> None:
    put(discoverd, "main", thing.port, check={"interval": 60})
    until(lambda: found(discoverd) == ["main"])
    before = await store.get("services/db/main")
    assert before
    assert before.lease == 0
    await store.delete("services/db/main")
    until(lambda: found(discoverd) == ["main"])
    after = await store.get("services/db/main")
    assert after
    assert after.value == before.value


def test_the_store_away(discoverd: Daemon, etcd: EtcdServer, thing: Thing) -> None:
    put(discoverd, "main", thing.port, check=QUICK)
    until(lambda: found(discoverd) == ["main"])
    etcd.kill()
    until(lambda: bool(state(discoverd, "main")["stale"]))
    time.sleep(3)
    assert found(discoverd) == ["main"], "the store's absence is not the thing's"
    body = json.dumps({"address": "127.0.0.1", "port": thing.port}).encode()
    for method, sent in (("PUT", body), ("DELETE", None)):
        refused = discoverd.call(method, f"{OUTSIDE}/main", sent)
        assert (refused.status, refused.json["code"], bool(refused.json["remedy"])) == (503, "unavailable", True)
    thing.stop()
    until(lambda: state(discoverd, "main")["passing"] is False)
    assert found(discoverd) == ["main"], "it cannot be written yet"
    etcd.start()
    until(lambda: found(discoverd) == [])


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"port": 1}, "address"),
    ({"address": "10.0.0.1", "port": 0}, "port 0"),
    ({"address": "10.0.0.1", "port": 1, "ttl": 30}, "unknown field 'ttl'"),
    ({"address": "10.0.0.1", "port": 1, "check": "tcp"}, "check"),
    ({"address": "10.0.0.1", "port": 1, "check": {"kind": "tcp"}}, "unknown field 'check.kind'"),
    ({"address": "10.0.0.1", "port": 1, "check": {"type": "udp"}}, "check"),
    ({"address": "10.0.0.1", "port": 1, "check": {"interval": 0.1}}, "check.interval 0.1"),
    ({"address": "10.0.0.1", "port": 1, "check": {"timeout": 0}}, "check.timeout 0"),
    ({"address": "10.0.0.1", "port": 1, "check": {"threshold": 11}}, "check.threshold 11"),
    ({"address": "10.0.0.1", "port": 1, "check": {"type": "http", "path": "status"}}, "check.path 'status'"),
    ({"address": "10.0.0.1", "port": 1, "check": {"type": "http", "path": "/a\r\nb"}}, "check.path"),
]


def test_mistakes_are_problems(discoverd: Daemon) -> None:
    for body, says in MISTAKES:
        refused = discoverd.call("PUT", f"{OUTSIDE}/main", json.dumps(body).encode())
        assert (refused.status, refused.json["code"], says in refused.json["detail"]) == (400, "invalid", True), body
    assert discoverd.call("PUT", f"{OUTSIDE}/main", b"{}", token="read").status == 403
    assert discoverd.call("GET", "/outside", token="").status == 401
    assert discoverd.call("GET", "/outside").json["outside"] == []
