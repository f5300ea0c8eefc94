"""A small network of namespaces on this machine, so that a test can cut one of them off. Needs root."""

from __future__ import annotations

import secrets
import subprocess


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Network:
    """``size`` namespaces on one bridge, each with one address that this machine and the others reach.

    The bridge has a namespace of its own: this machine's packet filter does not see what passes over it.
    """

    def __init__(self, size: int) -> None:
        self._tag = f"gt{secrets.token_hex(3)}"
        self._hub = f"{self._tag}h"
        self._subnet = self._free_subnet()
        self.spaces = [f"{self._tag}n{number}" for number in range(size)]
        self.addresses = [f"{self._subnet}.{number + 1}" for number in range(size)]

    def _free_subnet(self) -> str:
        taken = _ip("route")
        while True:
            subnet = f"10.215.{secrets.randbelow(256)}"
            if f"{subnet}." not in taken:
                return subnet

    def up(self) -> Network:
        """Make it."""
        _ip("netns", "add", self._hub)
        _ip("-n", self._hub, "link", "add", "br0", "type", "bridge")
        _ip("-n", self._hub, "link", "set", "br0", "up")
        _ip("link", "add", self._tag, "type", "veth", "peer", "name", "host", "netns", self._hub)
        _ip("-n", self._hub, "link", "set", "host", "master", "br0", "up")
        _ip("address", "add", f"{self._subnet}.254/24", "dev", self._tag)
        _ip("link", "set", self._tag, "up")
        for number, space in enumerate(self.spaces):
            self._join(space, f"m{number}", self.addresses[number])
        return self

    def _join(self, space: str, port: str, address: str) -> None:
        _ip("netns", "add", space)
        _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", self._hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("-n", self._hub, "link", "set", port, "master", "br0", "up")
        _ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")

    def inside(self, number: int) -> list[str]:
        """The words before a command that is to run in one of the namespaces; its process id is the command's."""
        return ["ip", "netns", "exec", self.spaces[number]]

    def cut(self, number: int) -> None:
        """Drop every packet to and from one of the namespaces, without a word to anybody."""
        for chain in ("INPUT", "OUTPUT"):
            self._filter(number, "-A", chain, "!", "-i" if chain == "INPUT" else "-o", "lo", "-j", "DROP")

    def mend(self, number: int) -> None:
        """Let packets through again."""
        self._filter(number, "-F")

    def _filter(self, number: int, *words: str) -> None:
        subprocess.run([*self.inside(number), "iptables", "-w", *words], check=True, capture_output=True, timeout=20)

    def down(self) -> None:
        """Take it away; end what runs in it before."""
        for space in [*self.spaces, self._hub]:
            subprocess.run(["ip", "netns", "del", space], capture_output=True, timeout=20, check=False)
        subprocess.run(["ip", "link", "del", self._tag], capture_output=True, timeout=20, check=False)
