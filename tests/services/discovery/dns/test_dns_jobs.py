"""Jobs have discoverd as their resolver: an agent's container on a bridge network finds services by name."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest

from grille.codec import encode
from grille.wire import keys
from grille.wire.specs import Instance
from tests.services.discovery.dns.rig import Upstream, until
from tests.services.host.rig import Rig, docker
from tests.support.daemon import ROOT, Daemon, lay_tokens
from tests.support.etcd import EtcdServer
from tests.support.images import images
from tests.support.ports import free_port

LOOK = """
import json, socket
def find(name):
    try:
        return sorted({found[4][0] for found in socket.getaddrinfo(name, 80)})
    except OSError as error:
        return str(error)
names = ("shop-web.grille", "leader.shop-web.grille", "nobody.grille", "www.example.org")
print(json.dumps({**{name: find(name) for name in names}, "conf": open("/etc/resolv.conf").read()}))
"""


@pytest.fixture
def host(etcd: EtcdServer, tmp_path: Path, upstream: Upstream) -> Iterator[Rig]:
    """An agent, and a discoverd at the gateway of its network, on port 53."""
    rig = Rig(etcd, tmp_path, images()["run"])
    discoverd = None
    try:
        gateway = json.loads(docker("network", "inspect", rig.name))[0]["IPAM"]["Config"][0]["Gateway"]
        settings = {"ETCD": etcd.url, "HOST": rig.name, "NETWORK": rig.name, "DATA": str(tmp_path / "data")}
        settings |= {"GUARD_LABEL": rig.layer, "LEASE_TTL": "5", "DNS": gateway}
        rig.agent = Daemon("grille.host", "AGENT_PORT", tmp_path, **settings)
        discoverd = serve(gateway, rig.name, etcd.url, upstream.endpoint, tmp_path)
        rig.agent.start()
        yield rig
    finally:
        rig.close()
        if discoverd is not None:
            discoverd.kill()
            discoverd.wait()


def serve(address: str, host: str, etcd: str, upstream: str, folder: Path) -> subprocess.Popen[bytes]:
    settings = {"ADDRESS": address, "HOST": host, "ETCD": etcd, "TOKENS": str(lay_tokens(folder / "tokens"))}
    settings |= {"DNS_PORT": "53", "DNS_FORWARD_TO": upstream, "DISCOVERD_PORT": str(free_port())}
    environ = os.environ | {f"GRILLE_{name}": value for name, value in settings.items()}
    environ["PYTHONPATH"] = str(ROOT / "src")
    with (folder / "discoverd.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "grille.discovery"], env=environ, stderr=log)
    until(lambda: answers(address), 15)
    return process


def answers(address: str) -> bool:
    try:
        reply = dns.query.udp(dns.message.make_query("grille", "SOA"), address, timeout=0.5)
    except (OSError, dns.exception.Timeout):
        return False
    return bool(reply.answer)


def look(rig: Rig) -> Any:
    """What a one-off run of the app finds."""
    command = f"python3 -c {shlex.quote(LOOK)}"
    job = rig.put(rig.spec("run", command, kind="ephemeral", restart="never", service="", port=0))
    rig.wait(job, "exited")
    return json.loads(docker("logs", job).splitlines()[-1])


def test_a_job_finds_services_by_name(host: Rig) -> None:
    for ident, address in (("one", "10.0.0.1"), ("two", "10.0.0.2")):
        one = Instance(id=ident, service="shop-web", address=address, port=5000, created=float(address[-1]))
        host.store.put(keys.instance("shop-web", ident), encode(one))
    found = look(host)
    assert found["shop-web.grille"] == ["10.0.0.1", "10.0.0.2"]
    assert found["leader.shop-web.grille"] == ["10.0.0.1"]
    assert found["www.example.org"] == ["192.0.2.10"]
    assert "Name or service not known" in found["nobody.grille"]
    assert "nameserver 127.0.0.11" in found["conf"]
    assert not [line for line in found["conf"].splitlines() if line.startswith("search")]
    spec = host.spec("last", "sleep 60")
    host.wait(host.put(spec), "running")
    config = json.loads(docker("inspect", spec.id))[0]["HostConfig"]
    assert (len(config["Dns"]), config["DnsSearch"]) == (1, ["."]), "the host's search list is not for jobs"


def test_a_job_finds_a_job_that_its_agent_registered(host: Rig) -> None:
    spec = host.spec()
    host.wait(host.put(spec), "up")
    instance = host.instance(spec)
    assert instance is not None
    found = look_up(host, f"{spec.service}.grille")
    assert found == instance.address
    socket.inet_aton(found)


def look_up(rig: Rig, name: str) -> str:
    command = f"python3 -c 'import socket; print(socket.gethostbyname(\"{name}\"))'"
    job = rig.put(rig.spec("run", command, kind="ephemeral", restart="never", service="", port=0))
    rig.wait(job, "exited")
    return docker("logs", job).splitlines()[-1]
