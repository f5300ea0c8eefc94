"""Watches of a real discoverd: resuming, all services, long-polls, limits, readers that read nothing."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

from grille.codec import encode
from grille.store import Delete, Put, Store
from grille.wire.specs import Instance
from tests.services.discovery.rig import WEB, Stream, put, until
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer

WATCH = f"{WEB}?watch=1"


def entry(ident: str, service: str = "web", port: int = 80) -> Put:
    one = Instance(id=ident, service=service, address="10.0.0.1", port=port, created=float(port))
    return Put(f"services/{service}/{ident}", encode(one))


def left(stream: Stream) -> str:
    """The id of the last event seen, when the client leaves."""
    stream.close()
    return stream.last


def test_resumed_from_the_last_event(discoverd: Daemon) -> None:
    put(discoverd, "zero")
    stream = Stream(discoverd, WATCH).follow()
    assert stream.names(3) == ["up zero", "current", "leader zero"]
    put(discoverd, "one")
    assert stream.names(1) == ["up one"]
    last = left(stream)
    put(discoverd, "two")
    discoverd.call("DELETE", f"{WEB}/zero")
    again = Stream(discoverd, WATCH, last=last).follow()
    assert again.names(6) == ["up one", "up two", "down zero", "leader one", "current", "leader one"]
    put(discoverd, "three")
    assert again.names(1) == ["up three"]
    assert int(again.last) > int(last)
    again.close()


async def test_changes_of_one_revision_are_all_resumed(discoverd: Daemon, store: Store) -> None:
    put(discoverd, "zero")
    revision = await store.transact([], [entry("a"), entry("b"), entry("c")])
    await store.transact([], [Delete("services/web/a"), entry("d")])
    until(lambda: discoverd.call("GET", f"{WEB}/d").status == 200)
    stream = Stream(discoverd, f"{WATCH}&protocol=http", last=str(revision)).follow()
    names = stream.names(8)
    assert sorted(names[:3]) == ["up a", "up b", "up c"]
    assert "down a" in names[3:6]
    assert "up d" in names[3:6]
    stream.close()


def test_an_id_that_cannot_be_resumed(discoverd: Daemon) -> None:
    put(discoverd, "one")
    for last in ("1", "0", "99999999", "elsewhere"):
        stream = Stream(discoverd, WATCH, last=last).follow()
        assert stream.names(4) == ["resync", "up one", "current", "leader one"], last
        stream.close()


def test_a_state_cut_short_cannot_be_resumed(discoverd: Daemon) -> None:
    put(discoverd, "one")
    put(discoverd, "two")
    raw = socket.create_connection(("127.0.0.1", discoverd.port))
    raw.sendall(f"GET {WATCH} HTTP/1.0\r\nAuthorization: Bearer read-token\r\n\r\n".encode())
    time.sleep(0.5)
    text = raw.recv(65536).decode()
    head, _, body = text.partition("\r\n\r\n")
    assert "chunked" not in head.lower()
    assert body.index("event: current\nid: ") > body.rindex("event: up\ndata: "), "no id before the state is complete"
    raw.close()


async def test_all_services(discoverd: Daemon, store: Store) -> None:
    put(discoverd, "one")
    stream = Stream(discoverd, "/services?watch=1").follow()
    assert stream.names(3) == ["up one", "current", "leader"]
    await store.transact([], [entry("two", "db")])
    assert stream.next() == ("up", stream_data(discoverd, "db", "two"))
    name, led = stream.next()
    assert (name, led["service"], led["leader"]["id"]) == ("leader", "db", "two")
    await store.delete("services/db/two")
    assert stream.names(1) == ["down two"]
    assert stream.next() == ("leader", {"service": "db", "leader": None})
    stream.close()


def stream_data(daemon: Daemon, service: str, ident: str) -> object:
    return daemon.call("GET", f"/services/{service}/instances/{ident}").json["instance"]


def test_long_poll(discoverd: Daemon) -> None:
    put(discoverd, "one")
    before = discoverd.call("GET", WEB).json["revision"]
    start = time.monotonic()
    assert discoverd.call("GET", f"{WEB}?wait=0.5&after={before}").json["revision"] == before
    assert 0.4 < time.monotonic() - start < 3
    start = time.monotonic()
    assert discoverd.call("GET", f"{WEB}?wait=20&after={before - 1}").status == 200, "it has changed already"
    assert time.monotonic() - start < 3
    threading.Timer(0.5, lambda: put(discoverd, "two")).start()
    found = discoverd.call("GET", f"{WEB}?wait=20&after={before}").json
    assert [each["id"] for each in found["instances"]] == ["one", "two"]
    assert time.monotonic() - start < 10


def test_a_gone_service_ends_a_long_poll(discoverd: Daemon) -> None:
    put(discoverd, "one")
    before = discoverd.call("GET", WEB).json["revision"]
    discoverd.call("DELETE", f"{WEB}/one")
    start = time.monotonic()
    assert discoverd.call("GET", f"{WEB}?wait=20&after={before}").json["instances"] == []
    assert time.monotonic() - start < 3


def test_a_reader_of_nothing_is_cut_and_hurts_nobody(discoverd: Daemon) -> None:
    """Its buffers fill, it is lost, and after half a minute without any progress it is cut."""
    idle = socket.socket()
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    idle.connect(("127.0.0.1", discoverd.port))
    idle.sendall(f"GET {WATCH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer read-token\r\n\r\n".encode())
    other = Stream(discoverd, WATCH).follow()
    assert other.names(1) == ["current"]
    fat = {f"key-{number}": "x" * 1000 for number in range(60)}
    for number in range(40):
        put(discoverd, "one", port=1000 + number, metadata=fat)
    assert [other.next()[0] for _ in range(41)] == ["up", "leader"] + ["update"] * 39
    idle.settimeout(60)
    time.sleep(35)
    received = b""
    try:
        while chunk := idle.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    assert received.count(b"event: update") < 39
    assert not received.endswith(b"0\r\n\r\n"), "cut, not ended in order"
    idle.close()
    other.close()


def test_too_many_watches(etcd: EtcdServer, discoverd: Daemon) -> None:
    open_ones = []
    for _ in range(2000):
        one = socket.create_connection(("127.0.0.1", discoverd.port))
        one.sendall(f"GET {WATCH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer read-token\r\n\r\n".encode())
        open_ones.append(one)
    until(lambda: discoverd.call("GET", WATCH, timeout=30).status == 429 if full(open_ones) else False, 30)
    refused = discoverd.call("GET", WATCH)
    assert (refused.status, refused.json["code"]) == (429, "too_many_watches")
    assert discoverd.call("GET", WEB).status == 200, "finds go on"
    before = discoverd.memory("VmRSS")
    for number in range(20):
        put(discoverd, "one", port=1000 + number)
    assert discoverd.memory("VmRSS") - before < 30e6
    for one in open_ones:
        one.close()
    until(lambda: Stream(discoverd, WATCH).follow().next()[0] == "up")


def full(sockets: list[socket.socket]) -> bool:
    """Whether each was answered."""
    for one in sockets:
        one.settimeout(20)
        one.recv(1, socket.MSG_PEEK)
    return True


def test_watches_end_with_discoverd(etcd: EtcdServer, discoverd: Daemon, tmp_path: Path) -> None:
    stream = Stream(discoverd, WATCH).follow()
    assert stream.names(1) == ["current"]
    start = time.monotonic()
    assert discoverd.stop() == 0
    until(lambda: stream.ended)
    assert time.monotonic() - start < 5
