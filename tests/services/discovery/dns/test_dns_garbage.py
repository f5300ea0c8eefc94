"""Garbage sent to a running discoverd: it goes on, and grows no more than a burst needs."""

from __future__ import annotations

import random
import socket

import dns.message
import dns.rcode

from tests.services.discovery.dns.rig import LOOPBACK, Dns, Upstream

PACKETS = 12_000
GROWTH = 24 * 1024 * 1024  # bytes: two full memories of packets, as they are bounded


def test_garbage_by_udp(grid: Dns, upstream: Upstream) -> None:
    upstream.silent = True  # mutated names of the outside wait for it
    grid.put("web", "one")
    seeded = random.Random(11)
    query = dns.message.make_query("web.grille", "A", use_edns=0).to_wire()
    before = grid.daemon.memory("VmRSS")
    codes: set[int] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        for at in range(PACKETS):
            packet = seeded.randbytes(seeded.randrange(1, 600)) if at % 3 else mutated(seeded, query)
            client.sendto(packet, (LOOPBACK, grid.port))
            codes |= answered(client)
            if at % 500 == 0:
                assert grid.addresses("web.grille") == ["10.0.0.1"]
    assert codes <= {0, 1, 2, 3, 4, 5, 16}
    assert {dns.rcode.FORMERR, dns.rcode.NXDOMAIN} <= codes
    assert grid.daemon.memory("VmRSS") - before < GROWTH
    assert "Traceback" not in grid.daemon.log
    assert "exception" not in grid.daemon.log


def mutated(seeded: random.Random, packet: bytes) -> bytes:
    changed = bytearray(packet)
    changed[seeded.randrange(len(changed))] = seeded.randrange(256)
    return bytes(changed)


def answered(client: socket.socket) -> set[int]:
    """The codes of the answers that have come."""
    codes = set()
    while True:
        try:
            codes.add(client.recv(4096)[3] & 15)
        except BlockingIOError:
            return codes
