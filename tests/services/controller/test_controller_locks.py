"""Operators' locks: one holder, the others in order; time limits; clients, controllers and the store that go away."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from grille.codec import encode
from grille.store import Store
from grille.wire import keys
from grille.wire.configuration import Lock
from tests.services.controller.rig import Api, controller, until
from tests.support.etcd import EtcdServer


def ident() -> str:
    """A client's own id."""
    return secrets.token_hex(8)


async def ask(api: Api, name: str, mine: str, **body: Any) -> tuple[int, Any]:
    """PUT /locks/<name>."""
    return await api("PUT", f"/locks/{name}", {"id": mine, "owner": f"owner of {mine[:4]}", **body})


async def queued(api: Api, name: str, number: int) -> None:
    """Wait until so many wait for the lock."""

    async def holds() -> bool:
        _, seen = await api("GET", f"/locks/{name}")
        return len(seen["queue"]) == number

    await until(f"{number} in the queue", holds)


async def test_one_holds_and_the_others_get_it_in_the_order_they_came(api: Api) -> None:
    first, *others = (ident() for _ in range(4))
    status, taken = await ask(api, "app-shop", first, reason="deploy.yml", ttl=60)
    assert (status, taken["held"], taken["lock"]["reason"]) == (201, True, "deploy.yml")
    assert 58 < taken["lock"]["expires"] - time.time() <= 60

    waiting, order = [], []

    async def turn(mine: str) -> None:
        status, got = await ask(api, "app-shop", mine, wait=30, ttl=60)
        assert (status, got["held"]) == (201, True)
        order.append(mine)
        assert (await api("DELETE", f"/locks/app-shop?id={mine}"))[0] == 200

    for number, mine in enumerate(others, start=1):
        waiting.append(asyncio.create_task(turn(mine)))
        await queued(api, "app-shop", number)
    _, seen = await api("GET", f"/locks/app-shop?id={first}", token="read")
    assert seen["holder"]["mine"]
    assert not any(one["mine"] for one in seen["queue"])
    assert [one["id"] for one in seen["queue"]] == [f"{mine[:4]}…" for mine in others]
    assert not order
    assert (await api("DELETE", f"/locks/app-shop?id={first}"))[0] == 200
    await asyncio.gather(*waiting)
    assert order == others
    assert (await api("GET", "/locks"))[1] == []


async def test_one_that_does_not_wait_is_told_the_holder_and_leaves_nothing(api: Api) -> None:
    holder, mine = ident(), ident()
    await ask(api, "one", holder, reason="a reason", ttl=30)
    status, refused = await ask(api, "one", mine)
    assert (status, refused["held"], refused["position"]) == (202, False, 1)
    assert refused["holder"]["owner"] == f"owner of {holder[:4]}"
    assert refused["holder"]["reason"] == "a reason"
    assert 28 < refused["holder"]["expires"] - refused["holder"]["since"] <= 30.1
    assert holder not in str(refused)
    assert (await api("GET", "/locks/one"))[1]["queue"] == []


async def test_the_holder_asks_again_and_keeps_it_for_longer(api: Api) -> None:
    mine = ident()
    _, first = await ask(api, "one", mine, ttl=20)
    status, again = await ask(api, "one", mine, ttl=600)
    assert (status, again["held"], again["changed"]) == (200, True, False)
    assert again["lock"]["since"] == first["lock"]["since"]
    assert again["lock"]["expires"] - first["lock"]["expires"] > 575


async def test_the_time_limit_ends_a_lock(api: Api) -> None:
    started = time.monotonic()
    await ask(api, "one", ident(), ttl=10)
    status, _ = await ask(api, "one", ident(), wait=40)
    assert status == 201
    assert 9 < time.monotonic() - started < 25


async def test_a_lease_that_outlives_the_limit_does_not_keep_the_lock(api: Api, store: Store) -> None:
    late = Lock(name="one", id=ident(), owner="late", created=1.0, since=1.0, expires=time.time() - 60)
    await store.put(keys.lock("one", late.id), encode(late))
    assert (await ask(api, "one", ident()))[0] == 201


async def test_a_waiter_that_went_away_is_not_given_the_lock(api: Api, store: Store) -> None:
    holder, mine = ident(), ident()
    await ask(api, "one", holder)
    body = f'{{"id": "{mine}", "owner": "gone", "wait": 60}}'
    with socket.create_connection(("127.0.0.1", api.port)) as gone:
        head = (
            f"PUT /locks/one HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer deploy-token\r\nContent-Length: {len(body)}"
        )
        gone.sendall(f"{head}\r\n\r\n{body}".encode())
        await queued(api, "one", 1)
    await api("DELETE", f"/locks/one?id={holder}")
    started = time.monotonic()
    assert (await ask(api, "one", ident(), wait=60))[0] == 201
    assert time.monotonic() - started < 25  # 15 s, and what etcd takes to notice
    assert await store.get(keys.lock("one", mine)) is None


async def test_a_place_in_the_queue_outlives_the_controller(etcd: EtcdServer, tmp_path: Path, store: Store) -> None:
    one, other = (controller(tmp_path, etcd.url, name) for name in ("c1", "c2"))
    await asyncio.gather(*(asyncio.to_thread(daemon.start) for daemon in (one, other)))
    try:
        holder, second, third = ident(), ident(), ident()
        await ask(Api(one), "one", holder)
        cut = asyncio.create_task(ask(Api(one), "one", second, wait=60))
        await queued(Api(other), "one", 1)
        late = asyncio.create_task(ask(Api(other), "one", third, wait=40))
        await queued(Api(other), "one", 2)
        one.kill()
        with pytest.raises(ConnectionError):
            await cut
        again = asyncio.create_task(ask(Api(other), "one", second, wait=40))
        assert (await Api(other)("DELETE", f"/locks/one?id={holder}"))[0] == 200
        assert (await again)[0] == 201
        assert not late.done()
        await Api(other)("DELETE", f"/locks/one?id={second}")
        assert (await late)[0] == 201
    finally:
        one.kill()
        assert await asyncio.to_thread(other.stop) == 0


async def test_a_lock_is_broken_on_purpose(api: Api) -> None:
    holder = ident()
    await ask(api, "one", holder)
    assert (await api("DELETE", "/locks/one?force=1", token="read"))[0] == 403
    status, wrong = await api("DELETE", "/locks/one?force=1&holder=zzzz")
    assert (status, wrong["code"]) == (409, "lock_moved_on")
    assert (await api("DELETE", f"/locks/one?force=1&holder={holder[:4]}&by=bob"))[0] == 200
    assert '"by": "bob"' in api.log
    status, gone = await api("DELETE", f"/locks/one?id={holder}")
    assert (status, gone["code"]) == (404, "unknown_lock")
    assert (await api("DELETE", "/locks/one?force=1"))[0] == 404


async def test_the_store_away_is_said_and_forgives(api: Api, etcd: EtcdServer) -> None:
    mine = ident()
    await ask(api, "one", mine)
    etcd.kill()
    for call in (ask(api, "one", mine), api("GET", "/locks"), api("DELETE", f"/locks/one?id={mine}")):
        status, problem = await call
        assert (status, problem["code"]) == (503, "unavailable")
        assert problem["remedy"]
    await asyncio.to_thread(etcd.start)
    status, _ = await ask(api, "one", mine)
    assert status == 200  # it holds it still


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("Not_a_label", {}, "invalid_lock"),
        ("one", {"id": "short"}, "invalid_lock_id"),
        ("one", {"id": None}, "invalid_lock_id"),
        ("one", {"owner": ""}, "invalid_owner"),
        ("one", {"owner": "two\nlines"}, "invalid"),
        ("one", {"reason": "x" * 501}, "invalid"),
        ("one", {"ttl": 9}, "invalid_ttl"),
        ("one", {"ttl": "long"}, "invalid_ttl"),
        ("one", {"ttl": 1e9}, "invalid_ttl"),
        ("one", {"wait": 61}, "invalid_wait"),
        ("one", {"wait": True}, "invalid_wait"),
        ("one", {"why": "?"}, "unknown_key"),
    ],
)
async def test_what_cannot_be_right_is_refused(api: Api, name: str, body: dict[str, Any], code: str) -> None:
    status, problem = await api("PUT", f"/locks/{name}", {"id": ident(), "owner": "me", **body})
    assert (status, problem["code"]) == (400, code)
    assert (await api("PUT", "/locks/one", {"id": ident(), "owner": "me"}, token="read"))[0] == 403
