"""Certificates ordered from a real ACME server (pebble): by http-01 and dns-01, renewed, refused, interrupted."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grille.codec import encode
from grille.router.acme import challenges, order, schedule
from grille.service.certificates import read_pair
from grille.store import Store
from grille.wire import keys
from tests.services.acme.rig import Edge, Hook, Orders, Pebble
from tests.support.etcd import EtcdServer

VALID = "valid"


async def test_a_certificate_by_http(pebble: Pebble, edge: Edge, orders: Orders, store: Store) -> None:
    await orders.settle(pebble.settings)
    orders.work("h1")
    await orders.ask("shop", "shop.test", "www.shop.test", client_ca="kept")
    made = await orders.until("shop", lambda one: one.state == VALID)
    pair = read_pair(made.chain, orders.keyring.open("certificate/shop", made.key))
    assert set(pair.leaf.names) == {"shop.test", "www.shop.test"}
    assert (made.fingerprint, made.not_after) == (pair.leaf.sha256, pair.leaf.not_after)
    assert "Pebble" in made.issuer
    assert (made.attempts, made.reason, made.client_ca) == (0, "", "kept")
    assert set(edge.asked) == {"shop.test", "www.shop.test"}
    for prefix in (keys.CHALLENGES, keys.ACME_ORDERS):
        assert (await store.list(prefix)).entries == {}, "nothing is left over"
    account = await orders.account()
    assert account is not None
    assert account.uri
    assert "PRIVATE KEY" not in account.key
    again = await orders.account()
    await orders.ask("two", "two.test")
    await orders.until("two", lambda one: one.state == VALID)
    assert await orders.account() == again, "one account for all"


async def test_a_wildcard_by_dns(pebble: Pebble, edge: Edge, orders: Orders) -> None:
    async with Hook(pebble) as hook:
        await orders.settle(pebble.settings)
        orders.work("h1")
        await orders.ask("wild", "wild.test", "*.wild.test", challenge="dns-01")
        made = await orders.until("wild", lambda one: one.state == VALID)
        assert set(made.domains) == {"wild.test", "*.wild.test"}
        assert {call["name"] for call in hook.calls} == {"_acme-challenge.wild.test"}
        assert [call["do"] for call in hook.calls] == ["present", "cleanup"] * 2
        hook.status = 500
        await orders.ask("locked", "locked.test", challenge="dns-01")
        failed = await orders.until("locked", lambda one: one.state == "failed")
        assert "the zone is locked" in failed.reason


async def test_dns_without_a_hook_says_so(pebble: Pebble, edge: Edge, orders: Orders) -> None:
    await orders.settle(pebble.settings)
    orders.work("h1")
    await orders.ask("none", "none.test", challenge="dns-01")
    assert "dns_hook" in (await orders.until("none", lambda one: one.state == "failed")).reason


async def test_renewed_when_due_and_the_last_good_one_stays_while_that_fails(
    pebble: Pebble, edge: Edge, orders: Orders
) -> None:
    await orders.settle(pebble.settings)
    work = orders.work("h1")
    await orders.ask("old", "old.test")
    first = await orders.until("old", lambda one: one.state == VALID)
    work.cancel()
    now = time.time()
    ageing = replace(first, not_before=now - 80 * 86400, not_after=now + 10 * 86400)
    edge.spoil = lambda text: "nonsense"
    await orders.store.put(keys.certificate("old"), encode(ageing))
    orders.work("h1")
    failed = await orders.until("old", lambda one: one.attempts == 1)
    assert (failed.state, failed.chain, failed.key) == (VALID, first.chain, first.key)
    assert "old.test" in failed.reason
    assert failed.next_try - time.time() == pytest.approx(schedule.PAUSES[0], abs=5)
    edge.spoil = lambda text: text
    await orders.store.put(keys.certificate("old"), encode(replace(failed, next_try=0.0)))
    renewed = await orders.until("old", lambda one: one.attempts == 0)
    assert renewed.fingerprint != first.fingerprint
    assert renewed.created == first.created


async def test_a_wrong_answer_is_a_reason_and_no_hot_loop(pebble: Pebble, edge: Edge, orders: Orders) -> None:
    edge.spoil = lambda text: "nonsense"
    await orders.settle(pebble.settings)
    orders.work("h1")
    await orders.ask("bad", "bad.test")
    failed = await orders.until("bad", lambda one: one.state == "failed")
    assert "bad.test" in failed.reason
    assert failed.next_try > time.time() + 50
    asked = len(edge.asked)
    await asyncio.sleep(4)
    assert (await orders.get("bad")).attempts == 1
    assert len(edge.asked) == asked
    edge.spoil = lambda text: text
    await orders.ask("bad", "bad.test")  # PUT again
    await orders.until("bad", lambda one: one.state == VALID)


async def test_the_server_is_away_and_comes_back(pebble: Pebble, edge: Edge, orders: Orders) -> None:
    await orders.settle(pebble.settings)
    pebble.stop("pebble")
    orders.work("h1")
    await orders.ask("later", "later.test")
    failed = await orders.until("later", lambda one: one.state == "failed")
    assert "does not answer" in failed.reason
    pebble.start()
    await pebble.ready()
    await orders.store.put(keys.certificate("later"), encode(replace(failed, next_try=0.0)))
    await orders.until("later", lambda one: one.state == VALID)


async def test_a_server_that_forgot_the_account_gets_it_again(pebble: Pebble, edge: Edge, orders: Orders) -> None:
    await orders.settle(pebble.settings)
    orders.work("h1")
    await orders.ask("one", "one.test")
    await orders.until("one", lambda one: one.state == VALID)
    before = await orders.account()
    pebble.stop("pebble")
    pebble.start()  # it keeps nothing
    await pebble.ready()
    await orders.ask("two", "two.test")
    await orders.until("two", lambda one: one.state == VALID)
    after = await orders.account()
    assert before is not None
    assert after is not None
    assert orders.keyring.open("acme/account", before.key) == orders.keyring.open("acme/account", after.key)
    assert before.uri != after.uri


async def test_of_several_routers_one_orders_and_all_must_answer(
    pebble: Pebble, edge: Edge, orders: Orders, store: Store, etcd: EtcdServer
) -> None:
    await orders.settle(pebble.settings)
    async with Edge(store, "h2") as second, Store([etcd.url]) as other:
        second.behind = True
        await store.put(keys.router("h2"), encode({"id": "h2", "host": "h2", "revision": 1, "updated": 1.0}))
        orders.work("h1")
        orders.work("h2", other)
        await orders.ask("both", "both.test")
        for _ in range(100):
            if (await store.list(keys.CHALLENGES)).entries:
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        assert edge.asked == [], "not before the other router answers too"
        second.behind = False
        await store.put(keys.routing_app("nudge"), b"{}")
        await orders.until("both", lambda one: one.state == VALID)
        await asyncio.sleep(3)
    assert edge.asked.count("both.test") <= 3, "pebble asks from up to three places; one order was placed"
    assert pebble.orders() == 1


async def test_a_router_that_does_not_answer_holds_an_order_up_with_a_reason(
    pebble: Pebble, edge: Edge, orders: Orders, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenges, "ACKNOWLEDGED", 0.5)
    await store.put(keys.router("lost"), encode({"id": "lost", "host": "lost", "revision": 1, "updated": 1.0}))
    await orders.settle(pebble.settings)
    orders.work("h1")
    await orders.ask("held", "held.test")
    failed = await orders.until("held", lambda one: one.state == "failed")
    assert failed.reason.startswith("router lost does not answer the challenge")
    await store.delete(keys.router("lost"))
    await store.put(keys.certificate("held"), encode(replace(failed, next_try=0.0)))
    await orders.until("held", lambda one: one.state == VALID)
    assert pebble.orders() == 1, "the order was gone on with"


@pytest.mark.parametrize("where", ["_authorize", "_issued"])
async def test_killed_in_the_middle_the_next_one_goes_on(
    pebble: Pebble,
    edge: Edge,
    orders: Orders,
    store: Store,
    etcd: EtcdServer,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await orders.settle(pebble.settings)
    reached = asyncio.Event()
    usual = getattr(order.Ordering, where)

    async def stuck(self: object, *args: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(order.Ordering, where, stuck)
    first = orders.work("h1")
    await orders.ask("mid", "mid.test")
    await asyncio.wait_for(reached.wait(), 20)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    monkeypatch.setattr(order.Ordering, where, usual)
    assert (await store.get(keys.acme_order("mid"))) is not None
    orders.work("h2")
    made = await orders.until("mid", lambda one: one.state == VALID)
    read_pair(made.chain, orders.keyring.open("certificate/mid", made.key))
    assert pebble.orders() == 1
    assert (await store.list(keys.ACME_ORDERS)).entries == {}


async def test_what_is_asked_for_meanwhile_goes_before(
    pebble: Pebble, edge: Edge, orders: Orders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await orders.settle(pebble.settings)
    usual = order.Ordering._issued
    changed = asyncio.Event()

    async def slow(self: order.Ordering, *args: object) -> str:
        if not changed.is_set():
            await orders.ask("moved", "new.test")
            changed.set()
        return await usual(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(order.Ordering, "_issued", slow)
    orders.work("h1")
    await orders.ask("moved", "old.test")
    made = await orders.until("moved", lambda one: one.state == VALID)
    assert made.domains == ["new.test"]
    assert read_pair(made.chain, orders.keyring.open("certificate/moved", made.key)).leaf.names == ("new.test",)
