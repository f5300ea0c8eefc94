"""Discoverd with DNS over a real etcd, and a small DNS server in the place of the host's resolver."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset

from grille.codec import encode
from grille.store.blocking import BlockingStore
from grille.wire import keys
from grille.wire.specs import Instance
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port

LOOPBACK = "127.0.0.1"
SPOOFED = "203.0.113.66"


def until(holds: Callable[[], Any], seconds: float = 10) -> None:
    """Wait until ``holds()`` is true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.005)


def addresses(message: dns.message.Message) -> list[str]:
    """The addresses in the answer section, in their order."""
    return [data.address for each in message.answer for data in each if hasattr(data, "address")]


class Upstream:
    """Answers over UDP and TCP from ``records`` (name with its dot: addresses); other names do not exist."""

    def __init__(self, address: str = LOOPBACK, port: int = 0) -> None:
        self.address, self.port = address, port or free_port()
        self.records: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.silent = self.lies = False
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for each in (self._udp, self._tcp):
            each.bind((address, self.port))
        self._tcp.listen()
        for loop in (self._datagrams, self._streams):
            threading.Thread(target=loop, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """What GRILLE_DNS_FORWARD_TO is to name."""
        return f"{self.address}:{self.port}"

    def _reply(self, packet: bytes, how: str) -> dns.message.Message:
        query = dns.message.from_wire(packet)
        name = query.question[0].name
        self.asked.append(f"{how} {name}")
        reply = dns.message.make_response(query, recursion_available=True)
        found = self.records.get(str(name).lower())
        if found is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        wanted = [each for each in found or [] if (":" in each) == (query.question[0].rdtype == 28)]
        if wanted:
            kind = "AAAA" if ":" in wanted[0] else "A"
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *wanted))
        return reply

    def _datagrams(self) -> None:
        while True:
            try:
                packet, client = self._udp.recvfrom(4096)
            except OSError:
                return
            if not packet:  # closed
                return
            reply = self._reply(packet, "udp")
            if self.lies:
                self._lie(packet, client)
            if not self.silent:
                self._udp.sendto(reply.to_wire(), client)

    def _lie(self, packet: bytes, client: Any) -> None:
        """What somebody who guesses sends: another ID, another question, no question, from another port."""
        query = dns.message.from_wire(packet)
        forged = dns.message.make_response(query)
        forged.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", SPOOFED))
        right = forged.to_wire()
        self._udp.sendto(bytes([right[0] ^ 1]) + right[1:], client)
        self._udp.sendto(right.replace(b"\7example", b"\7elpmaxe"), client)
        self._udp.sendto(right[:4] + b"\0\0" + right[6:], client)
        self._udp.sendto(right[:12], client)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((self.address, 0))
            other.sendto(right, client)

    def _streams(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                size = int.from_bytes(file.read(2), "big")
                if size and not self.silent:
                    reply = self._reply(file.read(size), "tcp").to_wire()
                    connection.sendall(len(reply).to_bytes(2, "big") + reply)

    def close(self) -> None:
        """End."""
        for each in (self._udp, self._tcp):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


class Dns:
    """One discoverd with DNS on a free port of loopback."""

    def __init__(self, etcd: EtcdServer, folder: Path, **settings: str) -> None:
        self.port = int(settings.get("DNS_PORT") or free_port())
        self.store = BlockingStore([etcd.url])
        given = {"ETCD": etcd.url, "DNS_PORT": str(self.port), **settings}
        self.daemon = Daemon("grille.discovery", "DISCOVERD_PORT", folder, **given)

    def start(self) -> Dns:
        """Start it and wait until it has read the store."""
        self.daemon.start()
        until(lambda: self.rcode("grille", "SOA") == "NOERROR")
        return self

    def ask(self, name: str, kind: str = "A", *, tcp: bool = False, timeout: float = 5, **fields: Any) -> Any:
        """The answer to one question, as dnspython has it."""
        query = dns.message.make_query(name, kind, **fields)
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(query, LOOPBACK, port=self.port, timeout=timeout)

    def rcode(self, name: str, kind: str = "A") -> str:
        """The code of the answer; empty while there is none."""
        try:
            return dns.rcode.to_text(self.ask(name, kind, timeout=0.5).rcode())
        except (OSError, dns.exception.Timeout):
            return ""

    def addresses(self, name: str, kind: str = "A") -> list[str]:
        """The addresses of a name, in the order of the answer."""
        return addresses(self.ask(name, kind))

    def dig(self, *words: str) -> list[str]:
        """What dig prints."""
        command = ["dig", f"@{LOOPBACK}", "-p", str(self.port), "+tries=1", "+time=5", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def put(self, service: str, ident: str, address: str = "10.0.0.1", port: int = 80, **fields: Any) -> None:
        """Register an instance as an agent does, and wait until DNS has it."""
        one = Instance(id=ident, service=service, address=address, port=port, **fields)
        self.store.put(keys.instance(service, ident), encode(one))
        until(lambda: self.rcode(f"{ident}.{service}.grille", "SRV") == "NOERROR")

    def close(self) -> None:
        """End it."""
        self.daemon.kill()
