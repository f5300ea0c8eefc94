"""The servers that are compared: discoverd, dnsmasq and unbound, with the records of one catalog."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.message

from grille.wire.specs import Instance
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port

SERVICES, INSTANCES = 1000, 3
SERVER_CORE = {0}
PRIORITY = -10


@dataclass(frozen=True)
class Served:
    """A server that runs: who, where, as what."""

    name: str
    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def instance(service: int, at: int, turn: int = 0) -> Instance:
    """An instance of the catalog; ``turn`` changes its address."""
    address = f"10.{at + turn % 200}.{service // 250}.{service % 250}"
    return Instance(id=f"i{at}", service=f"svc{service}", address=address, port=8000 + at)


@contextmanager
def discoverd(etcd: EtcdServer, folder: Path) -> Iterator[Served]:
    """A discoverd with the catalog."""
    port = free_port()
    daemon = Daemon("grille.discovery", "DISCOVERD_PORT", folder, ETCD=etcd.url, DNS_PORT=str(port)).start()
    assert daemon.process is not None
    try:
        yield settled(Served("discoverd", port, daemon.process.pid))
    finally:
        daemon.kill()


@contextmanager
def peer(name: str, port: int, *command: str) -> Iterator[Served]:
    """Another server, in the foreground."""
    process = subprocess.Popen([name, *command], stderr=subprocess.DEVNULL)
    try:
        yield settled(Served(name, port, process.pid))
    finally:
        process.kill()
        process.wait()


def settled(server: Served) -> Served:
    """``server`` on its core, when it answers."""
    os.sched_setaffinity(server.pid, SERVER_CORE)
    os.setpriority(os.PRIO_PROCESS, server.pid, PRIORITY)
    wait(server.port)
    return server


@contextmanager
def dnsmasq(folder: Path) -> Iterator[Served]:
    """dnsmasq with the same records; its addresses are in ``folder``/hosts."""
    port = free_port()
    lay_hosts(folder, SERVICES)
    servers = [f"srv-host=_http._tcp.svc{n}.grille,i{i}.svc{n}.grille,{8000 + i}" for n, i in everyone()]
    (folder / "dnsmasq.conf").write_text("\n".join(servers) + "\n")
    options = ["--no-resolv", "--no-hosts", "--no-daemon", "--bind-interfaces", "--listen-address=127.0.0.1"]
    options += [f"--port={port}", f"--addn-hosts={folder}/hosts", f"--conf-file={folder}/dnsmasq.conf", "--user=root"]
    with peer("dnsmasq", port, *options) as served:
        yield served


def lay_hosts(folder: Path, services: int) -> None:
    """The hosts file of dnsmasq with the first ``services`` ones."""
    lines = []
    for n, i in everyone(services):
        lead = f" leader.svc{n}.grille" if i == 0 else ""
        lines.append(f"{instance(n, i).address} i{i}.svc{n}.grille svc{n}.grille{lead}")
    (folder / "hosts").write_text("\n".join(lines) + "\n")


@contextmanager
def unbound(folder: Path) -> Iterator[Served]:
    """unbound, one thread, with the same records."""
    port, lines = free_port(), []
    for n, i in everyone():
        address, service = instance(n, i).address, f"svc{n}.grille."
        lines += [f"{service} 0 A {address}", f"i{i}.{service} 0 A {address}"]
        lines += [f"_http._tcp.{service} 0 SRV 0 1 {8000 + i} i{i}.{service}"]
        lines += [f"leader.{service} 0 A {address}"] if i == 0 else []
    options = ["do-daemonize: no", "num-threads: 1", "interface: 127.0.0.1", f"port: {port}", 'chroot: ""']
    options += ['username: ""', f'directory: "{folder}"', 'pidfile: ""', "use-syslog: no", "local-zone: grille. static"]
    data = [f'local-data: "{line}"' for line in lines]
    (folder / "unbound.conf").write_text("\n".join(["server:", *options, *data]) + "\n")
    with peer("unbound", port, "-c", str(folder / "unbound.conf")) as served:
        yield served


def everyone(services: int = SERVICES) -> list[tuple[int, int]]:
    """Service and instance numbers."""
    return [(n, i) for n in range(services) for i in range(INSTANCES)]


def found(port: int, name: str) -> int:
    """The number of addresses of ``name``; -1 without an answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.connect(("127.0.0.1", port))
        try:
            client.send(dns.message.make_query(name, "A").to_wire())
            return int.from_bytes(client.recv(4096)[6:8], "big")
        except OSError:
            return -1


def wait(port: int) -> None:
    """Until the last service of the catalog is found."""
    end = time.monotonic() + 30
    while found(port, f"svc{SERVICES - 1}.grille") != INSTANCES:
        assert time.monotonic() < end, "the server did not start"
        time.sleep(0.05)
