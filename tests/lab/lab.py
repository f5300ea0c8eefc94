"""The lab: hosts and their network, up and down, broken in the ways that hosts and networks break."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from . import cgroups, network
from .host import NAMES, Host
from .images import docker_folder
from .inventory import write_inventory
from .rootfs import rootfs
from .shell import FOLDER, LabError, sh

STATE = Path("/var/tmp/grille-lab")


class Lab:
    """``count`` hosts at 10.90.0.1 and on; this machine is 10.90.0.254. There is one lab on a machine at a time.

    Use as a context manager, or ``up()`` and ``down()``. Hosts are named by number, from 1. Every verb raises LabError.

    Args:
        count: how many hosts, 1 to 5.
        images: images of this machine's Docker that the hosts' Docker shall have.
    """

    def __init__(self, count: int = 3, images: Sequence[str] = ()) -> None:
        if not 1 <= count <= len(NAMES):
            raise LabError(f"a lab has 1 to {len(NAMES)} hosts, not {count}")
        self._images = images
        self.folder = STATE
        self.hosts = [Host(number, STATE, rootfs()) for number in range(1, count + 1)]

    @classmethod
    def attach(cls) -> Lab:
        """The lab that is up."""
        count = sum((STATE / name).is_dir() for name in NAMES)
        if not count:
            raise LabError("no lab is up: python -m tests.lab up")
        return cls(count)

    def __enter__(self) -> Lab:
        self.up(owner=os.getpid())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def host(self, number: int) -> Host:
        """Host ``number``."""
        if not 1 <= number <= len(self.hosts):
            raise LabError(f"there is no host {number}: the lab has hosts 1 to {len(self.hosts)}")
        return self.hosts[number - 1]

    @property
    def inventory(self) -> Path:
        """The folder of Ansible's inventory of the hosts, over SSH."""
        return self.folder / "inventory"

    def up(self, owner: int = 0) -> None:
        """Lay the network and power all hosts on; nothing of it stays when that fails.

        Args:
            owner: a process; when it ends, however it ends, the lab is taken down. 0: the lab stays.
        """
        cgroups.hierarchies()
        self._claim(owner)
        try:
            self._up(owner)
        except BaseException:
            self.down()
            raise

    def _up(self, owner: int) -> None:
        network.switch_up()
        if owner:
            watch = [sys.executable, "-m", "tests.lab", "watch", str(owner)]
            nothing = subprocess.DEVNULL
            subprocess.Popen(
                watch, cwd=FOLDER.parents[1], start_new_session=True, stdin=nothing, stdout=nothing, stderr=nothing
            )
        key = self._make_key()
        folder = docker_folder(self._images, self.hosts[0], key)
        for host in self.hosts:
            host.make_disk(folder, key)
        write_inventory(self.inventory, self.hosts, self.folder / "key")
        self.start(*range(1, len(self.hosts) + 1))

    @staticmethod
    def owner() -> int | None:
        """The process that the lab belongs to; 0: a lab that stays; None: there is no lab."""
        try:
            return int((STATE / "owner").read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    def _claim(self, owner: int) -> None:
        other = self.owner()
        if other == 0 or (other and Path(f"/proc/{other}").exists()):
            says = f"process {other} uses it" if other else "take it down: python -m tests.lab down"
            raise LabError(f"a lab is up on this machine; {says}")
        wipe()
        STATE.mkdir(mode=0o711)
        (STATE / "owner").write_text(str(owner), encoding="ascii")

    def _make_key(self) -> str:
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "grille-lab", "-f", self.folder / "key")
        return (self.folder / "key.pub").read_text(encoding="utf-8")

    def down(self) -> None:
        """Take all of it away, whatever state it is in; fine when nothing is there."""
        wipe()

    def start(self, *numbers: int) -> None:
        """Power hosts on, all at once; returns when their Docker answers."""
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(lambda number: self.host(number).start(), numbers))

    def kill(self, *numbers: int) -> None:
        """Power hosts off, within one moment; their disks stay."""
        for number in numbers:
            network.unplug(self.host(number).number)
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(lambda number: self.host(number).kill(), numbers))

    def cut(self, number: int) -> None:
        """Cut a host off: nothing passes between it and the others, or this machine; its link seems well."""
        network.disconnect(self.host(number).number)

    def mend(self, number: int) -> None:
        """Undo ``cut``."""
        network.connect(self.host(number).number)

    def freeze(self, number: int) -> None:
        """Stop all processes of a host where they are."""
        self.host(number).freeze()

    def thaw(self, number: int) -> None:
        """Undo ``freeze``."""
        self.host(number).thaw()


def wipe() -> None:
    """Remove every trace of a lab from this machine, but for the cache."""
    for control in STATE.glob("ssh-*"):  # connections that Ansible keeps open
        sh("ssh", "-O", "exit", "-o", f"ControlPath={control}", "host", check=False)
    root = STATE / "none"
    with ThreadPoolExecutor(len(NAMES)) as pool:
        list(pool.map(lambda number: Host(number, STATE, root).kill(), range(1, len(NAMES) + 1)))
    network.switch_down()
    shutil.rmtree(STATE, ignore_errors=True)
