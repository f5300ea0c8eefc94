"""Certificates in a real HAProxy: added, replaced, taken away while it runs, and there again after a restart."""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
import threading
import time

from cryptography.hazmat.primitives.asymmetric import rsa

from grille.router.cli import with_payload
from grille.router.tls import keeper as keeper_module
from grille.router.tls.keeper import Certificates
from grille.store import Entry
from grille.wire import keys
from tests.services.tls.conftest import Edge
from tests.support.certificates import Maker, Pem, record
from tests.support.keys import lay_keys, new_key


async def test_a_certificate_comes_is_replaced_and_goes(edge: Edge, maker: Maker) -> None:
    usual = edge.served("shop.test")
    first, second = maker.issue("shop.test", "*.shop.test"), maker.issue("shop.test", "other.test")
    assert await edge.put("shop", first)
    assert edge.served("shop.test") == edge.served("www.shop.test") == first.serial
    assert edge.served("a.www.shop.test") == edge.served("other.test") == usual, "* is one label"
    assert await edge.put("shop", second)
    assert edge.served("shop.test") == edge.served("other.test") == second.serial
    assert edge.served("www.shop.test") == usual
    assert edge.lines() == {"shop.pem other.test shop.test"}
    assert await edge.delete("shop")
    assert edge.served("shop.test") == usual
    assert edge.lines() == set()
    assert edge.keeper.refused == {}


async def test_only_some_of_a_certificates_names_are_served(edge: Edge, maker: Maker) -> None:
    usual, pem = edge.served("a.test"), maker.issue("a.test", "b.test")
    await edge.put("one", pem, domains=["b.test"])
    assert (edge.served("a.test"), edge.served("b.test")) == (usual, pem.serial)
    await edge.put("one", pem, domains=["a.test", "c.test"])
    assert (edge.served("a.test"), edge.served("b.test")) == (pem.serial, usual)
    assert edge.keeper.refused == {keys.certificate("one"): "the certificate is not for c.test"}


async def test_a_certificate_for_a_hundred_domains_takes_several_lines(edge: Edge, maker: Maker) -> None:
    domains = [f"d{number}.test" for number in range(100)]
    pem = maker.issue(*domains)
    assert await edge.put("many", pem)
    assert {edge.served(domain) for domain in domains[::9]} == {pem.serial}
    assert len(edge.lines()) == 3


async def test_replaced_under_load_no_handshake_fails(edge: Edge, maker: Maker) -> None:
    known = {(pem := maker.issue("busy.test")).serial}
    await edge.put("busy", pem)
    seen: list[int] = []
    failures: list[Exception] = []
    done = threading.Event()

    def client() -> None:
        while not done.is_set():
            try:
                seen.append(edge.served("busy.test"))
            except (OSError, ssl.SSLError) as error:
                failures.append(error)

    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(40):
        extra = [f"x{number}.test"] if number % 2 else []
        pem = maker.issue("busy.test", *extra)
        known.add(pem.serial)
        assert await edge.put("busy", pem)
        await asyncio.sleep(0.02)
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(seen) > 50
    assert set(seen) <= known
    assert len(set(seen)) > 5


async def test_files_are_for_their_owner_alone_and_a_restart_brings_all_back(edge: Edge, maker: Maker) -> None:
    pem, pid = maker.issue("back.test"), edge.process
    await edge.put("back", pem, client_ca=maker.pem)
    assert edge.files() == {"back.pem", "back.ca"}
    assert stat.S_IMODE(os.stat(edge.folder / "certs" / "back.pem").st_mode) == 0o600
    edge.stop()
    await edge.start()
    assert edge.process is not pid
    assert edge.served("back.test") == pem.serial
    steps: list[object] = []
    before = edge.cli.run
    edge.cli.run = lambda commands: steps.extend(commands) or before(commands)  # type: ignore[method-assign]
    assert await edge.keeper.turn(edge.cli)
    assert steps == [], "nothing is left to do"


async def test_a_new_daemon_takes_over_what_it_finds(edge: Edge, maker: Maker) -> None:
    stays, goes, comes = (maker.issue(f"{name}.test") for name in ("stays", "goes", "comes"))
    await edge.put("stays", stays)
    await edge.put("goes", goes)
    fresh = Certificates(edge.folder, edge.keyring)
    entries = {
        keys.certificate(name): Entry(keys.certificate(name), record(edge.keyring, name, pem), 1, 9, 1)
        for name, pem in (("stays", stays), ("comes", comes))
    }
    fresh.reset({**entries, "routes/x": Entry("routes/x", b"{}", 1, 1, 1)})
    await fresh.ask(edge.cli)
    assert await fresh.turn(edge.cli)
    assert edge.served("stays.test") == stays.serial
    assert edge.served("comes.test") == comes.serial
    assert edge.served("goes.test") not in (goes.serial, stays.serial)


async def test_a_change_by_hand_is_put_right(edge: Edge, maker: Maker) -> None:
    mine, theirs = maker.issue("mine.test"), maker.issue("mine.test")
    await edge.put("mine", mine)
    file = f"{edge.folder}/certs/mine.pem"
    await edge.cli.run([with_payload(f"set ssl cert {file}", theirs.chain + theirs.key), f"commit ssl cert {file}"])
    await edge.cli.run([with_payload(f"set ssl cert {file}", theirs.chain + theirs.key)])  # and one begun, not ended
    assert edge.served("mine.test") == theirs.serial
    await edge.keeper.ask(edge.cli)
    assert await edge.keeper.turn(edge.cli)
    assert edge.served("mine.test") == mine.serial


async def test_a_chain_that_differs_behind_the_same_leaf_is_replaced(edge: Edge, maker: Maker) -> None:
    pem = maker.issue("chain.test")
    bare = Pem(pem.chain.replace(maker.pem, ""), pem.key)
    await edge.put("chain", bare)
    await edge.put("chain", pem)
    (shown,) = await edge.cli.run([f"show ssl cert {edge.folder}/certs/chain.pem"])
    assert "Chain Subject" in shown


async def test_clients_are_asked_for_certificates_where_a_ca_is_given(edge: Edge, maker: Maker) -> None:
    other, pem = Maker("other"), maker.issue("mtls.test", "plain.test")
    await edge.put("mtls", pem, domains=["mtls.test"], client_ca=maker.pem)
    await edge.put("plain", pem, domains=["plain.test"])
    edge.shake("mtls.test")
    assert edge.answer.endswith("0 0"), "a certificate is asked for, not insisted on"
    edge.shake("mtls.test", maker.issue("client"))
    assert edge.answer.endswith("1 0")
    edge.shake("plain.test", maker.issue("client"))
    assert edge.answer.endswith("0 0")
    await edge.put("mtls", pem, domains=["mtls.test"], client_ca=other.pem)
    edge.shake("mtls.test", other.issue("client"))
    assert edge.answer.endswith("1 0")
    await edge.put("mtls", pem, domains=["mtls.test"])
    edge.shake("mtls.test", other.issue("client"))
    assert edge.answer.endswith("0 0")
    (authorities,) = await edge.cli.run(["show ssl ca-file"])
    assert "mtls.ca" not in authorities


async def test_five_hundred_certificates(edge: Edge, maker: Maker) -> None:
    pems = [maker.issue(f"n{number}.test") for number in range(500)]
    events = [edge.event(f"n{at}", record(edge.keyring, f"n{at}", pem)) for at, pem in enumerate(pems)]
    assert edge.keeper.apply(events)
    assert await edge.keeper.turn(edge.cli)
    assert [edge.served(f"n{at}.test") for at in (0, 250, 499)] == [pems[at].serial for at in (0, 250, 499)]
    began = time.monotonic()
    await edge.keeper.ask(edge.cli)
    assert time.monotonic() - began < 1.0
    assert await edge.delete(*(f"n{at}" for at in range(500)))
    assert edge.keeper.saved() == []


async def test_rsa_and_a_bad_one_among_good_ones(edge: Edge, maker: Maker) -> None:
    good = maker.issue("rsa.test", key=rsa.generate_private_key(65537, 2048))
    bad = Pem(maker.issue("bad.test").chain, maker.issue("bad.test").key)
    large = maker.issue("large.test", filler=14000)
    await edge.put("bad", bad)
    await edge.put("large", large)
    assert await edge.put("rsa", good), "records that are no good are not HAProxy's refusal"
    assert edge.served("rsa.test") == good.serial
    assert edge.keeper.refused[keys.certificate("bad")].startswith("the key does not belong")
    assert "HAProxy takes" in edge.keeper.refused[keys.certificate("large")]
    assert not edge.cli.lost


async def test_haproxys_refusal_is_told_and_tried_again_ever_more_slowly(edge: Edge, maker: Maker) -> None:
    first, second = maker.issue("no.test"), maker.issue("no.test")
    await edge.put("no", first)
    sent: list[str] = []
    run = edge.cli.run

    async def refusing(commands: list[str]) -> list[str]:
        sent.extend(commands)
        return [
            "out of memory" if command.startswith("set ssl cert") else answer
            for command, answer in zip(commands, await run(commands), strict=True)
        ]

    edge.cli.run = refusing  # type: ignore[method-assign,assignment]
    good = maker.issue("yes.test")
    assert not await edge.put("no", second)
    assert edge.keeper.refused == {keys.certificate("no"): "HAProxy refused it: out of memory"}
    for _ in range(20):
        assert not await edge.keeper.turn(edge.cli)
    assert sum(command.startswith("set ssl cert") for command in sent) == 1, "not hot"
    edge.cli.run = run  # type: ignore[method-assign]
    assert not await edge.put("yes", good), "the other one is still refused"
    assert edge.served("yes.test") == good.serial
    await asyncio.sleep(keeper_module.RETRY)
    assert await edge.keeper.turn(edge.cli)
    assert edge.served("no.test") == second.serial
    assert edge.keeper.refused == {}


async def test_a_new_certificate_that_haproxy_refused_is_made_good(edge: Edge, maker: Maker) -> None:
    run, pem = edge.cli.run, maker.issue("empty.test")

    async def spoiling(commands: list[str]) -> list[str]:
        return await run([command.replace("BEGIN", "BEGUN") for command in commands])

    edge.cli.run = spoiling  # type: ignore[method-assign,assignment]
    assert not await edge.put("empty", pem, client_ca=maker.pem)
    assert edge.keeper.refused[keys.certificate("empty")].startswith("HAProxy refused it")
    edge.cli.run = run  # type: ignore[method-assign]
    await asyncio.sleep(keeper_module.RETRY)
    assert await edge.keeper.turn(edge.cli), edge.keeper.refused
    assert edge.served("empty.test") == pem.serial


async def test_the_older_record_keeps_a_domain_unless_it_is_expired(edge: Edge, maker: Maker) -> None:
    old, new = maker.issue("same.test"), maker.issue("same.test", "mine.test")
    await edge.put("new", new, created=20.0)
    await edge.put("old", old, created=10.0)
    assert (edge.served("same.test"), edge.served("mine.test")) == (old.serial, new.serial)
    assert edge.keeper.refused == {keys.certificate("new"): "same.test is served by certificate 'old'"}
    ended = maker.issue("same.test", start=-200.0, end=-100.0)
    await edge.put("old", ended, created=10.0)
    assert edge.served("same.test") == new.serial
    assert "expired on" in edge.keeper.refused[keys.certificate("old")]
    await edge.delete("new")
    assert edge.served("same.test") == ended.serial, "the only one is served, expired or not"
    assert "expired on" in edge.keeper.refused[keys.certificate("old")]


async def test_without_the_keys_what_is_served_stays(edge: Edge, maker: Maker) -> None:
    pem = maker.issue("safe.test")
    await edge.put("safe", pem, client_ca=maker.pem)
    lines = edge.lines()
    entry = Entry(keys.certificate("safe"), record(edge.keyring, "safe", pem, client_ca=maker.pem), 1, 9, 1)
    path = edge.folder / "keys"
    kept = path.read_text()
    lay_keys(path, new_key("k2"))
    fresh = edge.keeper = Certificates(edge.folder, edge.keyring)
    fresh.reset({entry.key: entry})
    await fresh.ask(edge.cli)
    assert await fresh.turn(edge.cli)
    assert "which" in fresh.refused[entry.key]
    assert edge.served("safe.test") == pem.serial
    assert edge.lines() == lines
    lay_keys(path, kept.strip())
    await fresh.ask(edge.cli)
    assert await fresh.turn(edge.cli)
    assert fresh.refused == {}
    assert edge.lines() == lines


async def test_files_of_what_is_gone_are_removed_later(edge: Edge, maker: Maker, monkeypatch: object) -> None:
    await edge.put("gone", maker.issue("gone.test"))
    await edge.delete("gone")
    assert edge.files() == {"gone.pem"}, "the list on the disk may name it yet"
    monkeypatch.setattr(keeper_module, "LINGER", 0.0)  # type: ignore[attr-defined]
    await edge.keeper.ask(edge.cli)
    await edge.keeper.turn(edge.cli)
    assert edge.files() == set()
