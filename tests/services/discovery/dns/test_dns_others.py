"""Names that are not the grid's: relayed to other servers, for those who may ask."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.services.discovery.dns.rig import LOOPBACK, Dns, Upstream, addresses, until
from tests.support.etcd import EtcdServer

WWW = "www.example.org"


@pytest.fixture
def silent() -> Iterator[Upstream]:
    """A server that answers nobody."""
    server = Upstream("127.0.0.2")
    server.silent = True
    yield server
    server.close()


def test_others_are_relayed_the_way_they_came(grid: Dns, upstream: Upstream) -> None:
    assert grid.addresses(WWW) == ["192.0.2.10"]
    assert addresses(grid.ask(WWW, tcp=True)) == ["192.0.2.10"]
    assert grid.rcode("nowhere.example.org") == "NXDOMAIN"
    assert upstream.asked == [f"udp {WWW}.", f"tcp {WWW}.", "udp nowhere.example.org."]
    assert grid.dig("+short", WWW) == ["192.0.2.10"]


def test_forged_answers_are_not_taken(grid: Dns, upstream: Upstream) -> None:
    upstream.lies = True
    assert [grid.addresses(WWW) for _ in range(20)] == [["192.0.2.10"]] * 20


def test_each_query_has_its_own_id_and_port(etcd: EtcdServer, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as spy:
        spy.bind((LOOPBACK, 0))
        spy.settimeout(5)
        rig = Dns(etcd, tmp_path, DNS_FORWARD_TO=f"{LOOPBACK}:{spy.getsockname()[1]}")
        try:
            rig.start()
            query = dns.message.make_query(WWW, "A")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                for _ in range(32):
                    client.sendto(query.to_wire(), (LOOPBACK, rig.port))
                seen = [spy.recvfrom(4096) for _ in range(32)]
        finally:
            rig.close()
    assert len({packet[:2] for packet, _ in seen}) > 28
    assert len({port for _, (_, port) in seen}) > 28
    assert {packet[2:] for packet, _ in seen} == {query.to_wire()[2:]}


def test_the_next_server_when_one_is_silent_and_that_one_first_from_then_on(
    etcd: EtcdServer, tmp_path: Path, upstream: Upstream, silent: Upstream
) -> None:
    rig = Dns(etcd, tmp_path, DNS_FORWARD_TO=f"127.0.0.3,{silent.endpoint},{upstream.endpoint}")
    try:
        rig.start()
        assert rig.addresses(WWW) == ["192.0.2.10"]
        assert len(silent.asked) == 1
        assert rig.addresses(WWW) == ["192.0.2.10"]
        assert len(silent.asked) == 1, "the one that answered is asked first"
    finally:
        rig.close()


def test_without_an_answer_it_is_servfail_in_time(etcd: EtcdServer, tmp_path: Path, silent: Upstream) -> None:
    rig = Dns(etcd, tmp_path, DNS_FORWARD_TO=silent.endpoint)
    try:
        rig.start()
        assert rig.ask(WWW, timeout=4.8).rcode() == dns.rcode.SERVFAIL
    finally:
        rig.close()


def test_no_servers_is_servfail_at_once(etcd: EtcdServer, tmp_path: Path) -> None:
    rig = Dns(etcd, tmp_path, DNS_FORWARD_TO="none")
    try:
        rig.start()
        assert rig.ask(WWW, timeout=1).rcode() == dns.rcode.SERVFAIL
        assert rig.ask(WWW, timeout=1, tcp=True).rcode() == dns.rcode.SERVFAIL
    finally:
        rig.close()


def test_strangers_are_told_of_services_only(etcd: EtcdServer, tmp_path: Path, upstream: Upstream) -> None:
    rig = Dns(etcd, tmp_path, DNS_FORWARD_TO=upstream.endpoint, DNS_FORWARD_FOR="10.0.0.0/8")
    try:
        rig.start()
        rig.put("web", "one")
        query = dns.message.make_query(WWW, "A")
        answer = dns.query.udp(query, LOOPBACK, port=rig.port, source="127.0.0.9", timeout=5)
        assert answer.rcode() == dns.rcode.REFUSED
        query = dns.message.make_query("web.grille", "A")
        assert addresses(dns.query.udp(query, LOOPBACK, port=rig.port, source="127.0.0.9", timeout=5)) == ["10.0.0.1"]
        assert upstream.asked == []
        assert rig.addresses(WWW) == ["192.0.2.10"], "the host itself may"
    finally:
        rig.close()


def test_a_flood_of_others_is_bounded_and_holds_up_nobody(etcd: EtcdServer, tmp_path: Path, silent: Upstream) -> None:
    rig = Dns(etcd, tmp_path, DNS_FORWARD_TO=silent.endpoint)
    try:
        rig.start()
        rig.put("web", "one")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.9", 0))
            client.settimeout(2)
            for at in range(400):
                client.sendto(dns.message.make_query(f"n{at}.example.org", "A").to_wire(), (LOOPBACK, rig.port))
            refused = dns.message.from_wire(client.recv(4096))
            assert refused.rcode() == dns.rcode.SERVFAIL
            assert rig.addresses("web.grille") == ["10.0.0.1"]
            until(lambda: len(silent.asked) >= 128)
    finally:
        rig.close()


def test_the_grids_own_servers_are_never_asked(etcd: EtcdServer, tmp_path: Path) -> None:
    other = Upstream("127.0.0.2")
    other.records = {f"{WWW}.": ["192.0.2.10"]}
    itself = f"{LOOPBACK}:{other.port}"
    rig = Dns(etcd, tmp_path, DNS_PORT=str(other.port), DNS_FORWARD_TO=f"{itself},{other.endpoint}")
    try:
        rig.start()
        assert rig.addresses(WWW) == ["192.0.2.10"]
        rig.put("discoverd", "second", "127.0.0.2")
        assert rig.ask(WWW, timeout=1).rcode() == dns.rcode.SERVFAIL, "both would ask one another without end"
        assert len(other.asked) == 1
    finally:
        rig.close()
        other.close()


def test_several_queries_by_one_connection(grid: Dns) -> None:
    grid.put("web", "one")
    names = ["web.grille", WWW, "nobody.grille", "one.web.grille"]
    packets = [dns.message.make_query(name, "A").to_wire() for name in names]
    with socket.create_connection((LOOPBACK, grid.port), timeout=5) as connection, connection.makefile("rb") as file:
        connection.sendall(b"".join(len(each).to_bytes(2, "big") + each for each in packets))
        answers = [dns.message.from_wire(file.read(int.from_bytes(file.read(2), "big"))) for _ in names]
    assert [str(each.question[0].name) for each in answers] == [f"{name}." for name in names]
    assert [addresses(each) for each in answers] == [["10.0.0.1"], ["192.0.2.10"], [], ["10.0.0.1"]]


@pytest.mark.parametrize(
    "sent", [b"\0\0", b"\0\5hello", b"\xff\xff" + b"x" * 65535, b"\0\x0c" + b"\0\1\x80" + bytes(9)]
)
def test_garbage_by_tcp_ends_the_connection_or_is_refused(grid: Dns, sent: bytes) -> None:
    with socket.create_connection((LOOPBACK, grid.port), timeout=5) as connection:
        connection.sendall(sent)
        try:
            said = connection.recv(4096)
        except ConnectionResetError:
            said = b""
    assert said == b"" or dns.message.from_wire(said[2:]).rcode() == dns.rcode.FORMERR
    assert grid.rcode("grille", "SOA") == "NOERROR"


def test_idle_connections_make_room(grid: Dns) -> None:
    grid.put("web", "one")
    idle = [socket.create_connection((LOOPBACK, grid.port)) for _ in range(300)]
    try:
        assert addresses(grid.ask("web.grille", tcp=True)) == ["10.0.0.1"]
        idle[0].settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert idle[0].recv(1) == b"", "the one that was idle longest is cut off"
    finally:
        for each in idle:
            each.close()


def test_many_at_once_by_tcp_and_udp(grid: Dns) -> None:
    grid.put("web", "one")
    wrong: list[object] = []

    def ask() -> None:
        for at in range(50):
            found = addresses(grid.ask("web.grille", tcp=at % 5 == 0))
            wrong.extend([found] if found != ["10.0.0.1"] else [])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_port_that_is_taken_is_said_and_had_when_it_is_free(etcd: EtcdServer, tmp_path: Path) -> None:
    taken = Upstream()
    rig = Dns(etcd, tmp_path, DNS_PORT=str(taken.port), DNS_FORWARD_TO="none")
    try:
        rig.daemon.start()
        until(lambda: f"DNS cannot have port {taken.port} of {LOOPBACK}" in rig.daemon.log)
        assert rig.daemon.call("GET", "/healthz").status == 200, "HTTP goes on"
        assert "Traceback" not in rig.daemon.log
        taken.close()
        until(lambda: rig.rcode("grille", "SOA") == "NOERROR")
        with socket.create_connection((LOOPBACK, rig.port)):
            assert rig.daemon.stop() == 0, "an idle connection does not hold it up"
    finally:
        taken.close()
        rig.close()
