"""What DNS says of services: names, types, order, sizes, over UDP and TCP, by dig and by dnspython."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode

from grille.codec import encode
from grille.store import Store
from grille.wire import keys
from grille.wire.discovery import LeaderRule, ServiceSettings
from grille.wire.specs import Instance
from tests.services.discovery.dns.rig import Dns, Upstream, addresses, until
from tests.support.etcd import EtcdServer


def test_a_service_as_dig_sees_it(grid: Dns) -> None:
    grid.put("shop-web", "one", "10.0.0.1", 5000, created=1.0)
    grid.put("shop-web", "two", "10.0.0.2", 5001, created=2.0)
    grid.put("shop-web", "six", "fd00::6", 5002, created=3.0, protocol="grpc")
    assert sorted(grid.dig("+short", "shop-web.grille")) == ["10.0.0.1", "10.0.0.2"]
    assert grid.dig("+short", "shop-web.grille", "AAAA") == ["fd00::6"]
    assert grid.dig("+short", "+tcp", "leader.shop-web.grille") == ["10.0.0.1"]
    assert grid.dig("+short", "two.shop-web.grille") == ["10.0.0.2"]
    three = ["0 1 5000 one.shop-web.grille.", "0 1 5001 two.shop-web.grille.", "0 1 5002 six.shop-web.grille."]
    for name, found in {
        "shop-web.grille": three,
        "_shop-web._tcp.grille": three,
        "_http._tcp.shop-web.grille": three[:2],
        "_grpc._tcp.shop-web.grille": three[2:],
        "leader.shop-web.grille": three[:1],
        "six.shop-web.grille": three[2:],
    }.items():
        assert sorted(grid.dig("+short", name, "SRV")) == sorted(found), name
    whole = "\n".join(grid.dig("_grpc._tcp.shop-web.grille", "SRV"))
    assert "status: NOERROR" in whole
    assert "flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 2" in whole
    assert "six.shop-web.grille.\t0\tIN\tAAAA\tfd00::6" in whole


def test_names_and_types_that_are_not_there(grid: Dns) -> None:
    grid.put("web", "one")
    for name in ("nobody.grille", "two.web.grille", "_smtp._tcp.web.grille", "leader.nobody.grille", "a.b.c.d.grille"):
        answer = grid.ask(name)
        assert answer.rcode() == dns.rcode.NXDOMAIN, name
        assert [(str(each.name), each.ttl, each[0].minimum) for each in answer.authority] == [("grille.", 0, 0)], name
    for name, kind in (("web.grille", "TXT"), ("web.grille", "AAAA"), ("_web._tcp.grille", "A"), ("_tcp.grille", "A")):
        answer = grid.ask(name, kind)
        assert (answer.rcode(), answer.answer, len(answer.authority)) == (dns.rcode.NOERROR, [], 1), name
    assert str(grid.ask("web.grille", "ANY").answer[0][0]) == '"RFC8482" ""'
    assert grid.rcode("web.grille", "AXFR") in ("", "REFUSED")
    assert grid.ask("web.grille", rdclass="CH").rcode() == dns.rcode.REFUSED


def test_any_case_is_found_and_kept(grid: Dns) -> None:
    grid.put("web", "one", "10.0.0.1")
    for name in ("WEB.GRILLE", "wEb.GrIlLe", "Web.grille"):
        query = dns.message.make_query(name, "A").to_wire()
        answer = grid.ask(name)
        assert addresses(answer) == ["10.0.0.1"]
        assert answer.question[0].name.to_wire() in query, "the question comes back as it was asked"
        assert str(answer.answer[0].name) == f"{name}."


def test_instances_here_come_first_and_all_take_turns(grid: Dns) -> None:
    here = {"10.0.1.1", "10.0.1.2"}
    for at, address in enumerate(sorted(here)):
        grid.put("web", f"here{at}", address, host="test")
    for at in range(4):
        grid.put("web", f"there{at}", f"10.0.2.{at}", host="other")
    orders = [grid.addresses("web.grille") for _ in range(40)]
    assert all(set(order[:2]) == here and len(set(order)) == 6 for order in orders)
    assert Counter(order[0] for order in orders) == dict.fromkeys(here, 20)
    assert Counter(order[2] for order in orders) == {f"10.0.2.{at}": 10 for at in range(4)}


def test_too_much_for_a_datagram_comes_by_tcp(grid: Dns) -> None:
    for at in range(60):
        one = Instance(id=f"i{at}", service="web", address=f"10.0.3.{at}", port=80)
        grid.store.put(keys.instance("web", one.id), encode(one))
    until(lambda: len(addresses(grid.ask("web.grille", tcp=True))) == 60)
    plain = grid.ask("web.grille", use_edns=False)
    assert plain.flags & dns.flags.TC
    assert len(addresses(plain)) == 30, "those that fit in 512 bytes are there"
    assert not grid.ask("web.grille", use_edns=0, payload=1232).flags & dns.flags.TC
    servers = grid.ask("web.grille", "SRV", use_edns=0, payload=4096)
    assert servers.flags & dns.flags.TC
    assert len(servers.to_wire()) <= 1232
    assert len(grid.dig("+short", "web.grille", "SRV", "+notcp", "+ignore")) < 60
    assert len(grid.dig("+short", "web.grille", "SRV")) == 60, "dig comes back by TCP"
    assert len(grid.ask("web.grille", "SRV", tcp=True).additional) == 60


def test_edns(grid: Dns) -> None:
    grid.put("web", "one")
    answer = grid.ask("web.grille", use_edns=0, payload=4096)
    assert (answer.edns, answer.payload) == (0, 1232)
    assert grid.ask("web.grille", use_edns=False).edns == -1
    assert grid.ask("web.grille", use_edns=1).rcode() == dns.rcode.BADVERS


def test_several_services_at_one_address_are_one_record(grid: Dns) -> None:
    grid.put("web", "one", "10.0.0.1", 5000)
    grid.put("web", "two", "10.0.0.1", 5001)
    assert grid.addresses("web.grille") == ["10.0.0.1"]
    assert len(grid.ask("web.grille", "SRV").answer[0]) == 2


def test_the_leader_is_the_one_of_the_services_rule(grid: Dns) -> None:
    grid.put("db", "old", "10.0.0.1", created=1.0)
    grid.put("db", "new", "10.0.0.2", created=2.0)
    assert grid.addresses("leader.db.grille") == ["10.0.0.1"]
    rule = ServiceSettings(service="db", leader=LeaderRule(mode="manual", instance="new"))
    grid.store.put(keys.service_settings("db"), encode(rule))
    until(lambda: grid.addresses("leader.db.grille") == ["10.0.0.2"])


def test_host_names_are_answered_with_their_addresses(grid: Dns) -> None:
    grid.put("ext-db", "main", "www.example.org", 5432)
    assert grid.addresses("ext-db.grille") == ["192.0.2.10"]
    assert grid.addresses("main.ext-db.grille") == ["192.0.2.10"]
    assert grid.dig("+short", "ext-db.grille", "SRV") == ["0 1 5432 www.example.org."]
    grid.put("ext-db", "gone", "nowhere.example.org", 5432)
    assert grid.addresses("ext-db.grille") == ["192.0.2.10"]


async def test_out_of_dns_within_100_ms_of_deregistration(grid: Dns, store: Store) -> None:
    grid.put("web", "stays", "10.0.0.1")
    took = []
    for at in range(10):
        grid.put("web", "goes", f"10.0.1.{at}")
        assert len(grid.addresses("web.grille")) == 2
        await store.delete(keys.instance("web", "goes"))
        start = time.monotonic()
        until(lambda: grid.addresses("web.grille") == ["10.0.0.1"])
        took.append(time.monotonic() - start)
    assert max(took) < 0.1, took


def test_answers_go_on_while_the_store_is_away(grid: Dns, etcd: EtcdServer) -> None:
    grid.put("web", "one", "10.0.0.1")
    etcd.kill()
    time.sleep(2)
    assert grid.addresses("web.grille") == ["10.0.0.1"]
    assert grid.rcode("nobody.grille") == "NXDOMAIN"
    etcd.start()
    grid.put("web", "two", "10.0.0.2")
    assert sorted(grid.addresses("web.grille")) == ["10.0.0.1", "10.0.0.2"]


def test_before_the_store_was_read_the_domain_is_unknown_but_others_are_answered(
    etcd: EtcdServer, tmp_path: Path, upstream: Upstream
) -> None:
    etcd.kill()
    rig = Dns(etcd, tmp_path, DNS_FORWARD_TO=upstream.endpoint)
    try:
        rig.daemon.start()
        until(lambda: rig.rcode("web.grille") == "SERVFAIL")
        assert rig.addresses("www.example.org") == ["192.0.2.10"]
        etcd.start()
        until(lambda: rig.rcode("web.grille") == "NXDOMAIN")
    finally:
        rig.close()
