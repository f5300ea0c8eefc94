"""From packets to answers, in the process: what is remembered stays right, and garbage does no harm."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.name
import dns.rcode
from dns.message import Message

from grille.codec import encode
from grille.discovery.catalog import Catalog
from grille.discovery.dns.responder import FRAMES_MOST, Outside, Responder, Unresolved
from grille.discovery.dns.zone import ANSWERS_MOST, INSTANCES_MOST, Zone
from grille.store import Entry, Event
from grille.wire.specs import Instance

GARBAGE = 100_000
GROWTH = 12_000_000  # bytes


class Table:
    """Addresses of host names; those of a name that is not in it have to be asked for."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}

    def known(self, name: str) -> list[str] | None:
        return self.names.get(name)


class Grid:
    """A catalog with its responder."""

    def __init__(self) -> None:
        self.catalog, self.hosts = Catalog(), Table()
        self.revision = 0
        self.zone = Zone(self.catalog, dns.name.from_text("grille"), "h1", self.hosts)
        self.responder = Responder(self.zone)

    def put(self, service: str, *addresses: str) -> None:
        """Register instances 0, 1…"""
        for at, address in enumerate(addresses):
            self.revision += 1
            one = Instance(id=f"i{at}", service=service, address=address, port=80 + at)
            entry = Entry(f"services/{service}/i{at}", encode(one), self.revision, self.revision, 0)
            self.catalog.apply([Event("put", entry)], self.revision)

    def delete(self, service: str, ident: str) -> None:
        """Deregister one."""
        self.revision += 1
        entry = Entry(f"services/{service}/{ident}", b"", 0, self.revision, 0)
        self.catalog.apply([Event("delete", entry)], self.revision)

    def ask(self, name: str, kind: str = "A", *, tcp: bool = False, **fields: object) -> Message:
        """The answer to one question."""
        query = dns.message.make_query(name, kind, **fields)  # type: ignore[arg-type]
        answer = self.responder.respond(query.to_wire(), tcp=tcp)
        assert isinstance(answer, bytes)
        message = dns.message.from_wire(answer)
        assert query.is_response(message)
        return message

    def found(self, name: str, kind: str = "A") -> set[str]:
        """The data of the answer section."""
        return {str(data) for each in self.ask(name, kind).answer for data in each}


def test_what_is_remembered_follows_the_catalog() -> None:
    grid = Grid()
    assert grid.ask("web.grille").rcode() == dns.rcode.SERVFAIL, "nothing was ever read"
    grid.put("api", "10.0.0.9")
    for _ in range(3):
        assert grid.ask("web.grille").rcode() == dns.rcode.NXDOMAIN
        assert grid.ask("leader.web.grille").rcode() == dns.rcode.NXDOMAIN
        grid.put("web", "10.0.0.1", "10.0.0.2")
        assert grid.found("web.grille") == {"10.0.0.1", "10.0.0.2"}
        assert grid.found("leader.web.grille") == {"10.0.0.1"}
        grid.delete("web", "i0")
        assert grid.found("web.grille") == grid.found("leader.web.grille") == {"10.0.0.2"}
        assert grid.found("_http._tcp.web.grille", "SRV") == {"0 1 81 i1.web.grille."}
        grid.delete("web", "i1")
        assert grid.found("api.grille") == {"10.0.0.9"}


def test_packets_that_differ_are_never_taken_for_one_another() -> None:
    grid = Grid()
    grid.put("web", "10.0.0.1")
    first = dns.message.make_query("web.grille", "A", use_edns=0, payload=1232).to_wire()
    grid.responder.respond(first)
    for at in range(2, len(first)):
        for bit in range(8):
            other = bytearray(first)
            other[at] ^= 1 << bit
            packet = bytes(other)
            fresh = Responder(grid.zone).respond(packet)
            assert grid.responder.respond(packet) == fresh, (at, bit)


def test_host_names_wait_until_they_are_known() -> None:
    grid = Grid()
    grid.put("ext", "db.example.org")
    packet = dns.message.make_query("ext.grille", "A").to_wire()
    assert grid.responder.respond(packet) == Unresolved(["db.example.org"])
    assert grid.found("ext.grille", "SRV") == {"0 1 80 db.example.org."}
    for addresses in ({"192.0.2.1"}, {"192.0.2.2", "192.0.2.3"}, set()):
        grid.hosts.names["db.example.org"] = sorted(addresses)
        assert grid.found("ext.grille") == addresses
    assert grid.ask("ext.grille").rcode() == dns.rcode.NOERROR


def test_records_in_the_store_that_make_no_sense_are_left_out() -> None:
    grid = Grid()
    odd = ["", "a..b", "x" * 300, "999.1.1.1", "\u2603 \0", "fe80::1%eth0"]
    grid.put("odd", "10.0.0.1", *odd)
    grid.hosts.names = {name: [] for name in odd}
    assert grid.found("odd.grille") == {"10.0.0.1"}
    assert "0 1 80 i0.odd.grille." in grid.found("odd.grille", "SRV")


def test_a_huge_service_is_answered_in_part() -> None:
    grid = Grid()
    grid.put("huge", *(f"10.1.{at // 250}.{at % 250}" for at in range(1000)))
    whole = grid.ask("huge.grille", tcp=True)
    assert len(whole.answer[0]) == INSTANCES_MOST
    assert len(grid.ask("huge.grille", "SRV", tcp=True).to_wire()) < 65535


def test_garbage() -> None:
    grid = Grid()
    grid.put("web", "10.0.0.1", "10.0.0.2")
    seeded = random.Random(7)
    for packet in garbage(seeded, 5000):  # what is kept by design is kept by now
        grid.responder.respond(packet)
    flood(grid, seeded, 2 * max(FRAMES_MOST, ANSWERS_MOST))
    before = resident()
    for at, packet in enumerate(garbage(seeded, GARBAGE)):
        check(packet, grid.responder.respond(packet), whole=at % 10 == 0)
    flood(grid, seeded, 4 * FRAMES_MOST)
    assert resident() - before < GROWTH, "what is remembered is bounded"
    assert grid.found("web.grille") == {"10.0.0.1", "10.0.0.2"}


def flood(grid: Grid, seeded: random.Random, count: int) -> None:
    """Valid queries, each for another name."""
    template = dns.message.make_query("xxxxxxxxxxxxxxxx.grille", "A").to_wire()
    for _ in range(count):
        packet = template.replace(b"x" * 16, b"%016x" % seeded.getrandbits(64))
        answer = grid.responder.respond(packet)
        assert isinstance(answer, bytes)
        assert answer[3] & 15 == dns.rcode.NXDOMAIN


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def check(packet: bytes, answer: object, *, whole: bool) -> None:
    """Nothing, a relay of what dnspython can read, or an answer to this packet (``whole``: read to its end)."""
    if isinstance(answer, bytes):
        assert answer[:2] == packet[:2]
        assert answer[2] & 0x80
        assert len(answer) <= 1232
        if whole:
            dns.message.from_wire(answer)
    else:
        assert answer is None or isinstance(answer, Outside)


def garbage(seeded: random.Random, count: int) -> Iterator[bytes]:
    """Random bytes, mutated and cut queries, loops of pointers, lies about lengths and counts."""
    names = ("web.grille", "_http._tcp.web.grille", "leader.web.grille", "nobody.grille", "www.example.org", ".")
    valid = [
        dns.message.make_query(name, kind, use_edns=edns).to_wire()
        for name in names
        for kind in ("A", "SRV", "ANY", "TXT")
        for edns in (False, 0)
    ]
    header = b"\0\1\1\0\0\1\0\0\0\0\0\0"
    loops = [header + tail for tail in (b"\xc0\x0c\0\1\0\1", b"\1a\xc0\x0c\0\1\0\1", b"\xc0\x00\0\1\0\1", b"\xff" * 40)]
    longs = [header + b"\x3f" + b"a" * 63 + tail for tail in (b"", b"\x3f" * 300, b"\0\0\1\0\1" * 9, b"\x40\0\0\1\0\1")]
    makers = (
        lambda: seeded.randbytes(seeded.randrange(0, 80)),
        lambda: seeded.randbytes(seeded.choice((512, 1232, 4096))),
        lambda: mutated(seeded, seeded.choice(valid)),
        lambda: seeded.choice(valid)[: seeded.randrange(0, 40)],
        lambda: seeded.choice(valid) + seeded.randbytes(seeded.randrange(1, 30)),
        lambda: mutated(seeded, seeded.choice(loops)),
        lambda: mutated(seeded, seeded.choice(longs)),
    )
    return (seeded.choice(makers)() for _ in range(count))


def mutated(seeded: random.Random, packet: bytes) -> bytes:
    changed = bytearray(packet)
    for _ in range(seeded.randrange(1, 6)):
        changed[seeded.randrange(len(changed))] = seeded.randrange(256)
    return bytes(changed)
