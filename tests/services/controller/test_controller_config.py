"""Configuration through the API of a real controller: versions, secrets sealed, releases, shared sets, rotation."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from grille.codec import decode, encode
from grille.service.sealing import Keyring, key_of
from grille.store import Store
from grille.wire import keys
from grille.wire.configuration import ConfigVersion, Rollout
from grille.wire.specs import JobSpec
from tests.services.controller.rig import Api, Host, until
from tests.support.keys import lay_keys, new_key

SECRET = "hunter2-and-more"


@pytest.fixture(autouse=True)
def keyring(tmp_path: Path) -> Keyring:
    """The controller's key, one for a start."""
    return Keyring(str(lay_keys(tmp_path / "config.keys", new_key("k1"))))


async def changed(api: Api, scope: str, **body: Any) -> dict[str, Any]:
    """Change a scope and wait for the deployments that follow."""
    status, made = await api("PUT", f"/config/{scope}", body)
    assert status in (200, 201), made
    for one in made["releases"]:
        assert (await api.done(one["ticket"]["id"]))["state"] == "succeeded"
    return dict(made)


async def running(api: Api, host: Host, app: str) -> JobSpec:
    """The spec of the one job of ``app`` that is meant to run."""
    _, jobs = await api("GET", f"/jobs?app={app}")
    (job,) = [one for one in jobs if one["desired"] == "run" and one["kind"] == "service"]
    return host.seen[job["id"]]


async def everything(store: Store) -> bytes:
    """All keys and values of etcd."""
    return b"".join(key.encode() + entry.value for key, entry in (await store.list("", "~")).entries.items())


async def test_a_change_makes_a_version_and_a_release_that_rolls(api: Api, host: Host, keyring: Keyring) -> None:
    await api.deploy("shop", image="shop:1", env={"A": "1"})
    made = await changed(api, "apps/shop", values={"B": "2"}, secrets={"PASSWORD": SECRET})
    assert (made["config"]["version"], made["config"]["values"]) == (2, {"A": "1", "B": "2"})
    assert made["differences"] == {"values": {"B": "set"}, "secrets": {"PASSWORD": "set"}}
    spec = await running(api, host, "shop")
    assert (spec.release, spec.env) == (2, {"A": "1", "B": "2"})
    assert keyring.open("PASSWORD", spec.secrets["PASSWORD"]) == SECRET
    again = await changed(api, "apps/shop", values={"B": "2"}, secrets={"PASSWORD": SECRET})
    assert (again["changed"], again["releases"], again["config"]["version"]) == (False, [], 2)
    gone = await changed(api, "apps/shop", values={"A": None}, secrets={"B": "now a secret"}, expect=2)
    assert gone["differences"] == {"values": {"A": "removed", "B": "removed"}, "secrets": {"B": "set"}}
    assert (await api("PUT", "/config/apps/shop", {"values": {"X": "1"}, "expect": 2}))[1]["code"] == "config_changed"
    live = await changed(api, "apps/shop", live={"LIMIT": "5"})
    assert (live["changed"], live["releases"], live["config"]["version"]) == (True, [], 4)


async def test_secrets_are_shown_to_nobody_but_on_request(api: Api, host: Host, store: Store) -> None:
    await api.deploy("shop", image="shop:1", env={"A": "1"}, secrets={"PASSWORD": SECRET})
    await changed(api, "shared/db", secrets={"DSN": f"postgres://{SECRET}"})
    await changed(api, "apps/shop", shared=["db"])
    assert SECRET.encode() not in await everything(store)
    answers = [await api("GET", path, token="deploy") for path in ("/apps/shop", "/apps/shop/releases")]
    answers += [await api("GET", "/config/apps/shop?history=1"), await api("GET", "/deployments?app=shop")]
    answers += [await api("PUT", "/config/apps/shop", {"secrets": {"PASSWORD": SECRET}, "dry_run": True})]
    assert all(status == 200 and SECRET not in json.dumps(shown) for status, shown in answers)
    assert "g1." not in json.dumps(answers)
    assert answers[0][1]["release"]["secrets"] == {"DSN": None, "PASSWORD": None}
    status, read = await api("GET", "/config/apps/shop", token="read")
    assert (status, read["values"], read["secrets"]) == (200, {"A": None}, {"PASSWORD": None})
    assert (await api("GET", "/config/apps/shop?reveal=1", token="read"))[0] == 403
    assert (await api("GET", "/config/apps/shop?reveal=1"))[1]["secrets"] == {"PASSWORD": SECRET}
    wrong = await api("PUT", "/config/apps/shop", {"secrets": {"not valid": SECRET}})
    assert wrong[0] == 400
    assert SECRET not in json.dumps(wrong[1])
    assert SECRET not in api._daemon.log


async def test_shared_sets_yield_to_one_another_and_to_the_app(api: Api, host: Host) -> None:
    await changed(api, "shared/db", values={"HOST": "db1", "POOL": "5", "NAME": "shared"})
    await changed(api, "shared/extra", values={"POOL": "9"})
    await changed(api, "apps/shop", values={"NAME": "own"}, shared=["db", "extra"])  # before its first release
    await api.deploy("shop", image="shop:1")
    assert (await running(api, host, "shop")).env == {"HOST": "db1", "POOL": "9", "NAME": "own"}
    await api.deploy("other", image="other:1")
    made = await changed(api, "shared/db", values={"HOST": "db2"})
    assert [(one["app"], one["release"]) for one in made["releases"]] == [("shop", 2)]
    assert (await running(api, host, "shop")).env["HOST"] == "db2"
    hidden = await changed(api, "shared/db", values={"POOL": "7"})  # another set hides it: no release
    assert (hidden["changed"], hidden["releases"]) == (True, [])
    assert (await api("DELETE", "/config/shared/db"))[1]["code"] == "config_in_use"
    assert (await api("PUT", "/config/apps/shop", {"shared": ["nope"]}))[1]["code"] == "unknown_set"
    await changed(api, "apps/shop", shared=["extra"])
    assert (await api("DELETE", "/config/shared/db"))[0] == 200
    assert (await api("GET", "/config/shared/db"))[0] == 404
    _, scopes = await api("GET", "/config")
    assert {one["scope"]: one.get("apps") for one in scopes} == {"apps/shop": None, "shared/extra": ["shop"]}


async def test_a_rollback_takes_configuration_back_and_history_goes_on(api: Api, host: Host) -> None:
    await changed(api, "shared/db", values={"HOST": "db1"})
    await api.deploy("shop", image="shop:1", env={"A": "1"}, secrets={"P": "one"})
    await changed(api, "apps/shop", shared=["db"])
    await changed(api, "shared/db", values={"HOST": "db2"})
    await changed(api, "apps/shop", values={"A": "2"}, secrets={"P": "two"})
    await api.deploy("shop", from_release=2)
    spec, (_, config) = await running(api, host, "shop"), await api("GET", "/config/apps/shop?reveal=1")
    assert spec.env == {"A": "1", "HOST": "db1"}
    assert (config["version"], config["values"], config["secrets"]) == (4, {"A": "1"}, {"P": "one"})
    await changed(api, "apps/shop", values={"B": "3"})  # what comes next takes the sets as they are
    assert (await running(api, host, "shop")).env == {"A": "1", "B": "3", "HOST": "db2"}


async def test_configuration_whose_deployment_fails_is_undone(api: Api, host: Host) -> None:
    await api.deploy("shop", image="shop:1", env={"A": "1"})
    status, made = await api("PUT", "/config/apps/shop", {"values": {"BOOM": "1"}, "live": {"L": "1"}})
    assert status == 201
    assert (await api.done(made["releases"][0]["ticket"]["id"]))["state"] == "failed"

    async def undone() -> bool:
        _, found = await api("GET", "/config/apps/shop")
        return bool(found["version"] == 3 and found["values"] == {"A": "1"} and found["live"] == {"L": "1"})

    await until("the version before is back", undone)
    assert (await changed(api, "apps/shop", values={"B": "2"}))["config"]["values"] == {"A": "1", "B": "2"}
    ticket = await api.deploy("new", image="new:1", env={"BOOM": "1"})
    assert ticket["state"] == "failed"

    async def gone() -> bool:
        return (await api("GET", "/config/apps/new"))[0] == 404

    await until("nothing of the first release is left", gone)


async def test_a_roll_out_that_was_cut_short_is_finished(api: Api, host: Host, store: Store) -> None:
    await changed(api, "shared/db", values={"HOST": "db1"})
    await api.deploy("shop", image="shop:1")
    await changed(api, "apps/shop", shared=["db"])
    cut = ConfigVersion(scope="shared/db", version=2, created=1.0, values={"HOST": "db2"})
    await store.put(keys.config("shared/db", 2), encode(cut))
    await store.put(keys.rollout("db"), encode(Rollout(name="db", version=2, created=1.0, apps=["shop", "gone"])))

    async def rolled() -> bool:
        _, jobs = await api("GET", "/jobs?app=shop")
        wanted = [host.seen[job["id"]].env for job in jobs if job["desired"] == "run" and job["id"] in host.seen]
        return wanted == [{"HOST": "db2"}] and await store.get(keys.rollout("db")) is None

    await until("shop has db2", rolled)


async def test_two_changes_at_once_are_both_kept(api: Api, host: Host) -> None:
    await api.deploy("shop", image="shop:1")
    await asyncio.gather(*(api("PUT", "/config/apps/shop", {"values": {f"V{n}": "x"}}) for n in range(6)))
    _, found = await api("GET", "/config/apps/shop")
    assert (found["version"], sorted(found["values"])) == (6, [f"V{n}" for n in range(6)])


async def test_builds_and_runs_get_what_is_set(api: Api, host: Host, keyring: Keyring, store: Store) -> None:
    await changed(api, "apps/shop", values={"A": "1", "EXIT": "0"}, secrets={"P": SECRET})
    body = {"source": "c" * 64, "secrets": {"Q": SECRET}}
    status, ticket = await api("POST", "/apps/shop/builds", body)
    assert (status, ticket["payload"]["env"]) == (201, {"A": "1", "EXIT": "0"})
    assert ticket["payload"]["secrets"] == {"P": None, "Q": None}
    await api.deploy("shop", image="shop:1")
    _, run = await api("POST", "/apps/shop/runs", {"command": "env", "env": {"P": "plain for once"}})
    assert (await api.done(run["id"]))["state"] == "succeeded"
    (spec,) = [one for one in host.seen.values() if one.kind == "ephemeral"]
    assert (spec.env["P"], spec.secrets) == ("plain for once", {})
    assert SECRET.encode() not in await everything(store)


@pytest.mark.parametrize(
    ("scope", "body", "code"),
    [
        ("apps/shop", {"values": {"PORT": "1"}}, "invalid"),
        ("apps/shop", {"values": {"GRILLE_APP": "x"}}, "invalid"),
        ("apps/shop", {"values": {"A": 5}}, "invalid"),
        ("apps/shop", {"values": {"A": "x"}, "secrets": {"A": "y"}}, "invalid"),
        ("apps/shop", {"values": {"A": "x" * 33000}}, "value_too_large"),
        ("apps/shop", {"secrets": {f"A{n}": "x" * 30000 for n in range(5)}}, "config_too_large"),
        ("apps/shop", {"valeus": {}}, "unknown_key"),
        ("apps/shop", {"shared": "db"}, "invalid"),
        ("apps/shop", {"expect": "1"}, "invalid"),
        ("apps/Shop", {}, "invalid_app_name"),
        ("shared/db", {"shared": ["x"]}, "invalid"),
        ("shared/-db", {}, "invalid_shared_set"),
        ("sets/db", {}, "unknown_scope"),
        ("apps/controller", {"values": {"A": "1"}}, "critical"),
    ],
)
async def test_what_cannot_be_is_refused_in_one_line(api: Api, scope: str, body: Any, code: str) -> None:
    status, problem = await api("PUT", f"/config/{scope}", body)
    assert (status in (400, 404, 422), problem["code"]) == (True, code), problem
    assert "\n" not in problem["detail"]
    assert problem["detail"]


async def test_keys_rotate_without_a_new_container(api: Api, host: Host, store: Store, tmp_path: Path) -> None:
    old, new = (tmp_path / "config.keys").read_text().strip(), new_key("k2")
    await api.deploy("shop", image="shop:1", secrets={"P": SECRET})
    await changed(api, "shared/db", secrets={"Q": SECRET})
    before = await running(api, host, "shop")
    lay_keys(tmp_path / "config.keys", old, new)
    assert (await api("POST", "/config/rotate", {}, token="admin"))[1]["resealed"] == 0
    assert (await api("POST", "/config/rotate", {}))[0] == 403
    lay_keys(tmp_path / "config.keys", new, old)
    _, planned = await api("POST", "/config/rotate", {"dry_run": True}, token="admin")
    assert (planned["left"], planned["in_use"]) == (4, {"k1": 4})
    _, done = await api("POST", "/config/rotate", {}, token="admin")
    assert (done["resealed"], done["left"], done["in_use"], done["unreadable"]) == (4, 0, {"k2": 4}, [])
    lay_keys(tmp_path / "config.keys", new)
    entry = await store.get(keys.job_spec(before.host, before.id))
    assert entry is not None
    token = decode(JobSpec, entry.value).secrets["P"]
    assert (key_of(token), Keyring(str(tmp_path / "config.keys")).open("P", token)) == ("k2", SECRET)
    same = await changed(api, "apps/shop", secrets={"P": SECRET})
    assert (same["changed"], (await running(api, host, "shop")).id) == (False, before.id)


async def test_without_a_key_nothing_is_stored_in_plain(api: Api, store: Store, tmp_path: Path) -> None:
    (tmp_path / "config.keys").unlink()
    status, problem = await api("PUT", "/config/apps/shop", {"secrets": {"P": SECRET}})
    assert (status, problem["code"]) == (503, "no_config_key")
    assert not (await store.list(keys.CONFIG)).entries
