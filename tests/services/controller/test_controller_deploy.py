"""Deployments, scaling, runs, destruction: through the API, down to what a host's agent is told to do."""

from __future__ import annotations

from typing import Any

from grille.codec import decode, encode
from grille.store import Store
from grille.wire import keys
from grille.wire.specs import JobSpec
from tests.services.controller.rig import DOMAIN, Api, Host, put_job, until


async def jobs(api: Api, app: str) -> list[dict[str, Any]]:
    _, found = await api("GET", f"/jobs?app={app}")
    return [job for job in found if job["desired"] == "run"]


async def test_first_release_runs_and_is_routed(api: Api, host: Host) -> None:
    ticket = await api.deploy("shop", image="shop:1", env={"A": "1"}, scale={"web": 2})
    assert (ticket["state"], ticket["result"]) == ("succeeded", {"release": 1})
    _, shop = await api("GET", "/apps/shop")
    assert [job["state"] for job in shop["jobs"]] == ["up", "up"]
    assert shop["release"]["version"] == 1
    assert shop["formation"]["processes"]["web"]["count"] == 2
    assert shop["url"] == f"http://shop.{DOMAIN}/"
    spec = next(iter(host.seen.values()))
    assert (spec.image, spec.port, spec.env["A"]) == ("shop:1", 5000, "1")
    assert [app["name"] for app in (await api("GET", "/apps"))[1]] == ["shop"]


async def test_the_same_release_again_changes_nothing(api: Api, host: Host) -> None:
    body = {"image": "shop:1", "env": {"A": "1"}, "settings": {"web": {"boot_timeout": 7}}}
    await api.deploy("shop", **body)
    status, again = await api("POST", "/apps/shop/releases", body)
    assert (status, again["ticket"], again["release"]["version"]) == (200, None, 1)
    status, scaled = await api("POST", "/apps/shop/releases", {**body, "scale": {"web": 3}})
    assert (status, scaled["ticket"], scaled["changed"]) == (200, None, True)

    async def three() -> bool:
        return len(await jobs(api, "shop")) == 3

    await until("scaled without a release", three)


async def test_env_is_merged_and_a_former_release_comes_back(api: Api, host: Host) -> None:
    await api.deploy("shop", image="shop:1", env={"A": "1", "B": "2"})
    await api.deploy("shop", env={"A": None, "C": "3"})
    _, releases = await api("GET", "/apps/shop/releases")
    assert [(one["version"], one["env"], one["current"]) for one in releases] == [
        (2, {"B": "2", "C": "3"}, True),
        (1, {"A": "1", "B": "2"}, False),
    ]
    await api.deploy("shop", from_release=1)
    _, shop = await api("GET", "/apps/shop")
    assert (shop["release"]["version"], shop["release"]["env"]) == (3, {"A": "1", "B": "2"})
    assert {job["release"] for job in await jobs(api, "shop")} == {3}


async def test_two_releases_at_once_queue_and_build_on_one_another(api: Api, host: Host) -> None:
    await api.deploy("shop", image="shop:1")
    _, one = await api("POST", "/apps/shop/releases", {"env": {"A": "1"}})
    _, two = await api("POST", "/apps/shop/releases", {"env": {"B": "2"}})
    assert [(await api.done(made["ticket"]["id"]))["state"] for made in (one, two)] == ["succeeded"] * 2
    _, shop = await api("GET", "/apps/shop")
    assert shop["release"]["env"] == {"A": "1", "B": "2"}


async def test_a_release_that_fails_says_why_and_leaves_the_former_one(api: Api, host: Host) -> None:
    await api.deploy("shop", image="shop:1")
    ticket = await api.deploy("shop", env={"BOOM": "1"})
    assert (ticket["state"], ticket["code"]) == ("failed", "crashed")
    assert ticket["remedy"]
    assert ticket["result"]["logs"] == [f"said by {ticket['job']}"]

    async def former() -> bool:
        _, shop = await api("GET", "/apps/shop")
        states = [(job["release"], job["state"]) for job in shop["jobs"]]
        return [one["version"] for one in shop["releases"]] == [1] and states == [(1, "up")]

    await until("only the former release is left", former)


async def test_a_first_release_that_fails_leaves_no_app_but_its_ticket(api: Api, host: Host) -> None:
    ticket = await api.deploy("shop", image="shop:1", env={"BOOM": "1"})
    assert ticket["state"] == "failed"

    async def gone() -> bool:
        return (await api("GET", "/apps/shop"))[0] == 404

    await until("the app is gone", gone)
    assert (await api("GET", "/routes"))[1] == []
    assert (await api("GET", f"/tickets/{ticket['id']}"))[0] == 200


async def test_scale_is_idempotent_and_reaches_the_host(api: Api, host: Host) -> None:
    await api.deploy("shop", image="shop:1")
    body = {"processes": {"web": {"count": 3, "memory": 64}}}
    assert (await api("PUT", "/apps/shop/formation", body))[1]["changed"] is True
    assert (await api("PUT", "/apps/shop/formation", body))[1]["changed"] is False

    async def three() -> bool:
        return [(job["memory"], job["state"]) for job in await jobs(api, "shop")] == [(64, "up")] * 3

    await until("three jobs with the new limit", three)


async def test_a_run_ends_with_its_exit_code_and_its_lines(api: Api, host: Host) -> None:
    await api.deploy("shop", image="shop:1")
    _, good = await api("POST", "/apps/shop/runs", {"command": "env"})
    _, bad = await api("POST", "/apps/shop/runs", {"command": "false", "env": {"EXIT": "4"}})
    assert (await api.done(good["id"]))["state"] == "succeeded"
    ended = await api.done(bad["id"])
    assert (ended["state"], ended["result"]["exit_code"]) == ("failed", 4)
    assert ended["result"]["logs"] == [f"said by {ended['job']}"]
    _, lines = await api("GET", f"/tickets/{bad['id']}/logs")
    assert (lines["lines"][0]["text"], lines["done"]) == (f"said by {ended['job']}", True)


async def test_destroy_takes_everything_of_the_app_and_the_name_is_free_again(
    api: Api, host: Host, store: Store
) -> None:
    await api.deploy("shop", image="shop:1", scale={"web": 2})
    await api("PUT", "/routes/shop-two", {"host": "two.example.org", "app": "shop"})
    host.busy = True
    assert (await api("DELETE", "/apps/shop"))[0] == 202
    status, refused = await api("POST", "/apps/shop/releases", {"image": "shop:1"})
    assert (status, refused["code"]) == (409, "destroying")
    host.busy = False

    async def gone() -> bool:
        return (await api("GET", "/apps/shop"))[0] == 404

    await until("the app is gone", gone)
    left = [key for key in (await store.list("", "~")).entries if "shop" in key and not key.startswith("locks/")]
    assert left == []
    assert (await api.deploy("shop", image="shop:2"))["state"] == "succeeded"


async def test_cancel_gives_back_the_former_release(api: Api, host: Host) -> None:
    await api.deploy("shop", image="shop:1")

    async def never_up(spec: JobSpec) -> Any:
        return "running", None

    host.play = never_up
    _, made = await api("POST", "/apps/shop/releases", {"image": "shop:2"})
    await api("DELETE", f"/tickets/{made['ticket']['id']}")
    assert (await api.done(made["ticket"]["id"]))["state"] == "cancelled"

    async def former() -> bool:
        _, shop = await api("GET", "/apps/shop")
        return [(job["release"], job["state"]) for job in shop["jobs"]] == [(1, "up")]

    await until("the former release alone", former)


async def test_bricks_are_shown_and_left_alone(api: Api, host: Host, store: Store) -> None:
    spec = JobSpec(
        id="grille-shelf",
        host="h1",
        app="shelf",
        process="shelf",
        release=0,
        kind="service",
        image="i",
        created=1.0,
        critical=True,
    )
    host.leave_alone(spec.id)
    await put_job(store, spec)
    status, shelf = await api("GET", "/apps/shelf")
    assert (status, shelf["app"]["system"], [job["state"] for job in shelf["jobs"]]) == (200, True, ["up"])
    assert (await api("GET", "/apps"))[1] == []
    assert [app["name"] for app in (await api("GET", "/apps?system=1"))[1]] == ["shelf"]
    assert (await api("GET", "/apps/shelf/logs"))[1]["lines"][0]["text"] == "said by grille-shelf"
    for method, path, body in (
        ("PUT", "/apps/shelf/formation", {"processes": {"shelf": 0}}),
        ("DELETE", "/apps/controller", None),
        ("POST", "/apps/shelf/releases", {"image": "x"}),
    ):
        status, refused = await api(method, path, body)
        assert (status, refused["code"]) == (422, "critical")
    entry = await store.get(keys.job_spec("h1", spec.id))
    assert entry is not None
    assert decode(JobSpec, entry.value).desired == "run"


async def test_a_record_that_does_not_decode_harms_nobody(api: Api, host: Host, store: Store) -> None:
    await store.put("apps/broken", b"{not json")
    await store.put("formations/odd", encode({"app": 5}))
    assert (await api.deploy("shop", image="shop:1"))["state"] == "succeeded"
    assert [app["name"] for app in (await api("GET", "/apps"))[1]] == ["shop"]
