"""Certificates through the API of a real controller: given, compared, refused in one line; ACME; keys sealed anew."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from grille.codec import decode, encode
from grille.service.sealing import Keyring, key_of
from grille.store import Store
from grille.wire import keys
from grille.wire.acme import AcmeAccount, AcmeOrder
from grille.wire.routing import Certificate, RouterStatus
from tests.services.controller.rig import Api
from tests.support.certificates import Maker, Pem
from tests.support.keys import lay_keys, new_key

MAKER = Maker()
SHOP = MAKER.issue("shop.test", "*.shop.test")
ACME = {"directory": "https://acme.test/dir", "email": "ops@shop.test", "terms_agreed": True}


@pytest.fixture(autouse=True)
def keyring(tmp_path: Path) -> Keyring:
    """The controller's key."""
    return Keyring(str(lay_keys(tmp_path / "config.keys", new_key("k1"))))


def given(pem: Pem, **more: Any) -> dict[str, Any]:
    return {"chain": pem.chain, "key": pem.key, **more}


async def stored(store: Store, ident: str) -> Certificate:
    entry = await store.get(keys.certificate(ident))
    assert entry is not None
    return decode(Certificate, entry.value)


async def test_given_again_and_replaced(api: Api, store: Store, keyring: Keyring) -> None:
    status, made = await api("PUT", "/certificates/shop", given(SHOP))
    assert (status, made["changed"]) == (201, True)
    assert made["certificate"]["domains"] == ["shop.test", "*.shop.test"]
    record = await stored(store, "shop")
    assert keyring.open("certificate/shop", record.key) == SHOP.key
    assert "test authority" in record.issuer
    blanks = {"chain": f"\n{SHOP.chain}\n\n", "key": f"words\n{SHOP.key}\n"}
    for body in (given(SHOP), blanks, given(SHOP, domains=["shop.test", "*.shop.test"], source="given")):
        status, same = await api("PUT", "/certificates/shop", body)
        assert (status, same["changed"]) == (200, False), same
    assert await stored(store, "shop") == record
    status, planned = await api("PUT", "/certificates/shop", given(SHOP, domains=["SHOP.test"], dry_run=True))
    assert (planned["changed"], planned["certificate"]["domains"]) == (True, ["shop.test"])
    assert await stored(store, "shop") == record
    other = MAKER.issue("shop.test")
    status, replaced = await api("PUT", "/certificates/shop", given(other, client_ca=MAKER.pem))
    assert (status, replaced["changed"]) == (200, True)
    after = await stored(store, "shop")
    assert (after.created, after.client_ca) == (record.created, MAKER.pem)
    assert after.fingerprint != record.fingerprint
    assert (await api("DELETE", "/certificates/shop"))[0] == 200
    assert (await api("DELETE", "/certificates/shop"))[1]["code"] == "unknown_certificate"


async def test_the_key_is_shown_to_nobody_and_routers_say_what_they_make_of_it(api: Api, store: Store) -> None:
    await api("PUT", "/certificates/shop", given(SHOP))
    answers = [await api("GET", path) for path in ("/certificates", "/certificates/shop")]
    answers.append(await api("PUT", "/certificates/shop", given(SHOP)))
    assert all(status == 200 for status, _ in answers)
    assert "PRIVATE" not in json.dumps(answers)
    assert "g1." not in json.dumps(answers)
    assert "chain" not in answers[0][1][0]
    assert answers[1][1]["routers"] == {}
    entry = await store.get(keys.certificate("shop"))
    assert entry is not None
    key = entry.key
    for name, revision, refused in (("a", entry.mod_revision, {}), ("b", 1, {}), ("c", 10**9, {key: "no"})):
        status_of = RouterStatus(id=name, host=name, revision=revision, updated=time.time(), refused=refused)
        await store.put(keys.router(name), encode(status_of))
    _, shown = await api("GET", "/certificates/shop", token="read")
    assert {name: one["state"] for name, one in shown["routers"].items()} == {
        "a": "serving",
        "b": "behind",
        "c": "refused",
    }
    assert shown["routers"]["c"]["reason"] == "no"
    assert (await api("GET", "/certificates/none"))[0] == 404
    assert (await api("PUT", "/certificates/shop", given(SHOP), token="read"))[0] == 403


MISTAKES: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "not_pem"),
    ({"chain": "rubbish", "key": SHOP.key}, 400, "not_pem"),
    ({"chain": 5, "key": SHOP.key}, 400, "invalid"),
    ({"chain": SHOP.chain, "key": MAKER.issue("shop.test").key}, 400, "key_mismatch"),
    (given(MAKER.issue("shop.test", end=-60)), 400, "expired"),
    (given(SHOP, domains=["other.test"]), 400, "domain_not_covered"),
    (given(SHOP, domains=["shop.test", "*"]), 400, "invalid_host_name"),
    (given(SHOP, domains="shop.test"), 400, "invalid_domains"),
    (given(MAKER.issue()), 400, "invalid_domains"),
    (given(MAKER.issue("shop.test", filler=14000)), 413, "certificate_too_large"),
    (given(SHOP, client_ca="rubbish"), 400, "not_pem"),
    (given(SHOP, challenge="http-01"), 400, "unknown_key"),
    ({"source": "elsewhere"}, 400, "invalid_source"),
    ({"source": "acme", "domains": ["a.test"]}, 422, "acme_not_set_up"),
    ({"source": "acme"}, 400, "invalid_domains"),
    ({"source": "acme", "domains": ["*.a.test"]}, 400, "wildcard_needs_dns"),
    ({"source": "acme", "domains": ["a.test"], "challenge": "tls-alpn-01"}, 400, "invalid_challenge"),
]


async def test_mistakes(api: Api, store: Store) -> None:
    for body, status, code in MISTAKES:
        answered = await api("PUT", "/certificates/shop", body)
        assert (answered[0], answered[1]["code"]) == (status, code), answered
        assert "\n" not in answered[1]["detail"]
    assert (await store.list(keys.CERTIFICATES)).entries == {}


async def test_a_domain_has_one_certificate_and_names_are_checked(api: Api) -> None:
    await api("PUT", "/certificates/shop", given(SHOP))
    status, refused = await api("PUT", "/certificates/two", given(MAKER.issue("shop.test", "two.test")))
    assert (status, refused["code"]) == (409, "domain_taken")
    assert "'shop'" in refused["detail"]
    assert (await api("PUT", "/certificates/two", given(MAKER.issue("shop.test", "two.test"), domains=["two.test"])))[
        0
    ] == 201
    for name, code in (("default", "reserved"), ("A.b", "invalid_certificate")):
        assert (await api("PUT", f"/certificates/{name}", given(MAKER.issue("c.test"))))[1]["code"] == code


async def test_acme_is_set_up_and_asked(api: Api, store: Store) -> None:
    assert (await api("GET", "/acme"))[1] == {"settings": None, "account": None}
    assert (await api("PUT", "/acme", ACME, token="deploy"))[0] == 403
    for wrong, code in (
        ({"directory": "http://acme.test"}, "invalid_directory"),
        ({"directory": "nowhere"}, "invalid_directory"),
        ({"email": "ops"}, "invalid_email"),
        ({"terms_agreed": False}, "terms_not_agreed"),
        ({"ca": "rubbish"}, "not_pem"),
        ({"dns_hook": "ftp://x"}, "invalid_dns_hook"),
        ({"url": "x"}, "unknown_key"),
    ):
        assert (await api("PUT", "/acme", {**ACME, **wrong}, token="admin"))[1]["code"] == code
    for changed in (True, False):
        assert (await api("PUT", "/acme", ACME, token="admin"))[1]["changed"] is changed
    asked = {"source": "acme", "domains": ["a.test", "b.test"]}
    status, made = await api("PUT", "/certificates/a", asked)
    assert (status, made["certificate"]["state"]) == (201, "pending")
    assert (await api("PUT", "/certificates/a", asked))[1]["changed"] is False
    assert (await api("PUT", "/certificates/w", {**asked, "domains": ["w.test"], "challenge": "dns-01"}))[1][
        "code"
    ] == "no_dns_hook"
    hook = {**ACME, "dns_hook": "http://user:secret@hook.test/x"}
    assert (await api("PUT", "/acme", hook, token="admin"))[1]["changed"] is True
    assert (await api("GET", "/acme", token="read"))[1]["settings"]["dns_hook"] is None
    record = await stored(store, "a")
    failed = Certificate(**{**vars(record), "state": "failed", "attempts": 3, "next_try": 9e9, "reason": "no"})
    await store.put(keys.certificate("a"), encode(failed))
    status, again = await api("PUT", "/certificates/a", asked)
    assert again["changed"] is True
    after = await stored(store, "a")
    assert (after.state, after.attempts, after.next_try, after.reason) == ("pending", 0, 0.0, "")
    await store.put(keys.acme_order("a"), b"{}")
    await api("PUT", "/certificates/a", given(MAKER.issue("a.test")))
    assert (await stored(store, "a")).source == "given"
    assert await store.get(keys.acme_order("a")) is None


async def test_what_acme_is_to_renew_stays_in_use_when_the_domains_change(api: Api, store: Store) -> None:
    await api("PUT", "/acme", ACME, token="admin")
    await api("PUT", "/certificates/shop", given(SHOP))
    status, made = await api("PUT", "/certificates/shop", {"source": "acme", "domains": ["shop.test", "new.test"]})
    assert (status, made["certificate"]["state"]) == (200, "pending")
    record = await stored(store, "shop")
    assert (record.chain, bool(record.key)) == (SHOP.chain, True)


async def test_a_rotation_seals_private_keys_too(api: Api, store: Store, keyring: Keyring, tmp_path: Path) -> None:
    await api("PUT", "/acme", ACME, token="admin")
    await api("PUT", "/certificates/shop", given(SHOP))
    await api("PUT", "/certificates/asked", {"source": "acme", "domains": ["asked.test"]})
    account = AcmeAccount(directory="https://acme.test/dir", key=keyring.seal("acme/account", "one"), created=1.0)
    sealed = keyring.seal("certificate/asked", "two")
    order = AcmeOrder(id="asked", directory="https://acme.test/dir", uri="u", key=sealed, created=1.0)
    await store.put(keys.ACME_ACCOUNT, encode(account))
    await store.put(keys.acme_order("asked"), encode(order))
    path = tmp_path / "config.keys"
    lay_keys(path, new_key("k2"), path.read_text().strip())
    _, told = await api("POST", "/config/rotate", {}, token="admin")
    assert (told["resealed"], told["left"], told["in_use"]) == (3, 0, {"k2": 3})
    entry = await store.get(keys.ACME_ACCOUNT)
    assert entry is not None
    after = decode(AcmeAccount, entry.value)
    assert (key_of(after.key), keyring.open("acme/account", after.key)) == ("k2", "one")
    assert keyring.open("certificate/shop", (await stored(store, "shop")).key) == SHOP.key
    assert (await api("PUT", "/certificates/shop", given(SHOP)))[1]["changed"] is False
