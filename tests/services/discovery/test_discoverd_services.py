"""Settings of services, leaders by rule, held registrations, order and filters of finds, the description."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import jsonschema
from openapi_spec_validator import validate

from grille.store import Store
from tests.services.discovery.rig import WEB, Stream, ids, put, until
from tests.support.daemon import Daemon

HELD = json.dumps({"address": "10.0.0.8", "port": 80, "ttl": 6}).encode()


def change(daemon: Daemon, **body: Any) -> Any:
    answer = daemon.call("PUT", "/services/web", json.dumps(body).encode())
    return answer.json | {"status": answer.status}


def test_settings_and_compare_and_swap(discoverd: Daemon) -> None:
    none = discoverd.call("GET", "/services/web").json
    assert (none["revision"], none["instances"], none["leader"], none["stale"]) == (0, 0, None, False)
    first = change(discoverd, metadata={"team": "a"}, expect=0)
    assert (first["status"], first["changed"]) == (200, True)
    assert change(discoverd, metadata={"team": "a"})["changed"] is False
    refused = change(discoverd, metadata={"team": "b"}, expect=0)
    assert (refused["status"], refused["code"]) == (409, "conflict")
    second = change(discoverd, leader={"mode": "manual", "instance": "two"}, expect=first["revision"])
    assert second["settings"]["metadata"] == {"team": "a"}, "what is not given stays"
    now = discoverd.call("GET", "/services/web", token="read").json
    assert (now["settings"], now["revision"]) == (second["settings"], second["revision"])
    assert ids(discoverd) == []
    assert discoverd.call("GET", "/services").json["services"] == []
    assert discoverd.call("PUT", "/services/web", b"{}", token="read").status == 403
    assert discoverd.call("DELETE", "/services/web").status == 200
    assert discoverd.call("DELETE", "/services/web").json["code"] == "unknown_settings"
    assert discoverd.call("GET", "/services/web").json["revision"] == 0


def test_leaders_by_rule(discoverd: Daemon) -> None:
    put(discoverd, "one", metadata={"zone": "a"})
    put(discoverd, "two", metadata={"zone": "b"})
    stream = Stream(discoverd, f"{WEB}?watch=1").follow()
    assert stream.names(4) == ["up one", "up two", "current", "leader one"]
    change(discoverd, leader={"mode": "manual", "instance": "two"})
    assert stream.names(1) == ["leader two"]
    assert discoverd.call("GET", "/services/web/leader").json["leader"]["id"] == "two"
    discoverd.call("DELETE", f"{WEB}/two")
    assert stream.names(2) == ["down two", "leader"]
    assert discoverd.call("GET", "/services/web/leader").json["code"] == "unknown_leader"
    assert discoverd.call("GET", "/services").json["services"] == [{"name": "web", "instances": 1, "leader": None}]
    change(discoverd, leader={"mode": "metadata", "key": "zone", "value": "c"})
    put(discoverd, "three", metadata={"zone": "c"})
    assert stream.names(2) == ["up three", "leader three"]
    discoverd.call("DELETE", "/services/web")
    assert stream.names(1) == ["leader one"]
    stream.close()


def test_a_rule_that_makes_no_sense(discoverd: Daemon) -> None:
    for rule in (
        {"mode": "manual"},
        {"mode": "metadata"},
        {"mode": "oldest", "instance": "x"},
        {"mode": "x"},
        {"a": 1},
    ):
        assert change(discoverd, leader=rule)["status"] == 400, rule


def test_a_change_of_settings_ends_a_long_poll(discoverd: Daemon) -> None:
    put(discoverd, "one")
    before = discoverd.call("GET", WEB).json["revision"]
    change(discoverd, metadata={"a": "b"})
    start = time.monotonic()
    assert discoverd.call("GET", f"{WEB}?wait=20&after={before}").status == 200
    assert time.monotonic() - start < 3


def test_near_first(discoverd: Daemon) -> None:
    for ident, host in (("a", "h1"), ("b", "h2"), ("c", "h1"), ("d", "h2")):
        put(discoverd, ident, host=host)
    assert ids(discoverd, "?near=h2") == ["b", "d", "a", "c"]
    assert ids(discoverd, "?near=h9") == ["a", "b", "c", "d"]


async def test_held_as_long_as_the_connection(discoverd: Daemon, store: Store) -> None:
    holder = Stream(discoverd, f"{WEB}/held?hold=1", body=HELD).follow()
    name, told = holder.next()
    assert (name, told["instance"]["id"], told["pending"]) == ("registered", "held", False)
    assert ids(discoverd) == ["held"]
    time.sleep(8)
    assert ids(discoverd) == ["held"], "beyond its ttl"
    holder.close()
    until(lambda: ids(discoverd) == [], 1.5)
    assert await store.get("services/web/held") is None


def test_held_by_another_connection_now(discoverd: Daemon) -> None:
    first = Stream(discoverd, f"{WEB}/held?hold=1", body=HELD).follow()
    assert first.names(1) == ["registered"]
    second = Stream(discoverd, f"{WEB}/held?hold=1", body=HELD).follow()
    assert second.names(1) == ["registered"]
    assert first.names(1) == ["replaced"]
    until(lambda: first.ended)
    time.sleep(0.5)
    assert ids(discoverd) == ["held"]
    second.close()
    until(lambda: ids(discoverd) == [], 1.5)


def test_a_held_registration_that_is_wrong(discoverd: Daemon) -> None:
    refused = discoverd.call("PUT", f"{WEB}/held?hold=1", b'{"address": "10.0.0.8"}')
    assert (refused.status, refused.headers.get_content_type()) == (400, "application/problem+json")


def test_the_description_and_the_answers_agree(discoverd: Daemon) -> None:
    put(discoverd, "one")
    change(discoverd, metadata={"team": "a"})
    document = discoverd.call("GET", "/openapi.json", token="").json
    validate(document)
    for path, target in {
        "/services": "/services",
        "/services/{service}": "/services/web",
        "/services/{service}/instances": WEB,
        "/services/{service}/instances/{id}": f"{WEB}/one",
        "/services/{service}/leader": "/services/web/leader",
    }.items():
        content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        schema = {**content["schema"], "components": document["components"]}
        jsonschema.validate(discoverd.call("GET", target).json, schema)
    problem = document["paths"]["/services"]["get"]["responses"]["4XX"]["content"]["application/problem+json"]
    jsonschema.validate(
        discoverd.call("GET", "/services?x=1").json, {**problem["schema"], "components": document["components"]}
    )


def test_every_described_call_is_served(discoverd: Daemon) -> None:
    paths = discoverd.call("GET", "/openapi.json", token="").json["paths"]
    calls = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert len(calls) >= 10
    for method, path in calls:
        answer = discoverd.call(method, re.sub(r"{\w+}", "web", path), b"" if method == "PUT" else None, token="")
        open_to_all = path in ("/healthz", "/openapi.json")
        assert answer.status == (200 if open_to_all else 401) or path.startswith("/configuration"), (method, path)
