"""The hosts' network: a switch in a namespace of its own, a link to it for each host and one for this machine.

The switch is not in the machine's own namespace, where Docker's FORWARD policy would drop what passes between hosts.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .shell import LabError, sh

SUBNET = "10.90.0.0/24"
MACHINE = "10.90.0.254"
SWITCH = "grille-switch"
UPLINK = "grille-lab"
RULES = (
    ("nat", "POSTROUTING", "-s", SUBNET, "!", "-d", SUBNET, "-j", "MASQUERADE"),
    ("filter", "FORWARD", "-i", UPLINK, "-j", "ACCEPT"),
    ("filter", "FORWARD", "-o", UPLINK, "-j", "ACCEPT"),
)


def address(number: int) -> str:
    """The address of host ``number``."""
    return f"10.90.0.{number}"


def namespace(number: int) -> str:
    """The name of the network namespace of host ``number``."""
    return f"grille-lab{number}"


def switch_up() -> None:
    """Lay the switch and the machine's link to it; hosts reach the world through this machine."""
    if Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii").strip() != "1":
        raise LabError("this machine does not forward: start Docker, or sysctl -w net.ipv4.ip_forward=1")
    sh("ip", "netns", "add", SWITCH)
    sh("ip", "-n", SWITCH, "link", "add", "sw0", "type", "bridge")
    sh("ip", "-n", SWITCH, "link", "set", "sw0", "up")
    sh("ip", "link", "add", UPLINK, "type", "veth", "peer", "name", "up0", "netns", SWITCH)
    sh("ip", "-n", SWITCH, "link", "set", "up0", "master", "sw0", "up")
    sh("ip", "addr", "add", f"{MACHINE}/24", "dev", UPLINK)
    sh("ip", "link", "set", UPLINK, "up")
    for table, chain, *rule in RULES:
        sh("iptables", "-w", "-t", table, "-I", chain, *rule)


def switch_down() -> None:
    """Remove the switch and what ``switch_up`` laid on this machine, all that is there of it."""
    sh("ip", "link", "del", UPLINK, check=False)
    sh("ip", "netns", "del", SWITCH, check=False)
    for table, chain, *rule in RULES:
        while _succeeds("iptables", "-w", "-t", table, "-D", chain, *rule):
            pass


def plug(number: int) -> None:
    """Make the host's network namespace, with ``eth0`` on the switch."""
    space, port = namespace(number), f"h{number}"
    sh("ip", "netns", "add", space)
    peer = ("name", "eth0", "address", f"02:00:0a:5a:00:{number:02x}", "netns", space)  # a card keeps its address
    sh("ip", "-n", SWITCH, "link", "add", port, "type", "veth", "peer", *peer)
    sh("ip", "-n", space, "addr", "add", f"{address(number)}/24", "dev", "eth0")
    for link in ("lo", "eth0"):
        sh("ip", "-n", space, "link", "set", link, "up")
    sh("ip", "-n", space, "route", "add", "default", "via", MACHINE)
    connect(number)


def unplug(number: int) -> None:
    """Take the host's link away, so that nothing is heard of it any more; not even that its connections end."""
    sh("ip", "-n", SWITCH, "link", "del", f"h{number}", check=False)


def remove(number: int) -> None:
    """Remove the host's namespace, when its processes have ended."""
    unplug(number)
    sh("ip", "netns", "del", namespace(number), check=False)


def connect(number: int) -> None:
    """Let the switch carry the host's frames."""
    sh("ip", "-n", SWITCH, "link", "set", f"h{number}", "master", "sw0", "up")


def disconnect(number: int) -> None:
    """Let the switch drop the host's frames; the host itself sees a link that is well."""
    sh("ip", "-n", SWITCH, "link", "set", f"h{number}", "nomaster")


def processes(number: int) -> list[int]:
    """The processes that are left in the host's network namespace."""
    return [int(pid) for pid in sh("ip", "netns", "pids", namespace(number), check=False).split()]


def _succeeds(*words: str) -> bool:
    return subprocess.run(words, capture_output=True).returncode == 0
