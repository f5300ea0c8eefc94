"""One host of the lab: its disk, its namespaces, power on and off."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from . import cgroups, network
from .shell import FOLDER, LabError, sh

START = 30.0  # seconds that a host has to start Docker
NAMES = ("alpha", "bravo", "charlie", "delta", "echo")


class Host:
    """Host ``number`` (from 1), with its disk below ``folder``; the disk stays over ``kill`` and ``start``."""

    def __init__(self, number: int, folder: Path, rootfs: Path) -> None:
        self.number, self.name = number, NAMES[number - 1]
        self.address = network.address(number)
        self.disk, self._rootfs = folder / self.name, rootfs
        self._group = network.namespace(number)
        self._log = self.disk / "init.log"

    def make_disk(self, images: Path | None, key: str) -> None:
        """An empty disk, with Docker's images from the folder ``images`` and ``key`` allowed to log in as root."""
        for name in ("root", "work", "merged"):
            (self.disk / name).mkdir(parents=True)
        sh("cp", "-a", self._rootfs / "var/lib", self.disk / "lib")
        ssh = self.disk / "root" / "root" / ".ssh"
        ssh.mkdir(parents=True, mode=0o700)
        (self.disk / "root" / "root").chmod(0o700)
        (ssh / "authorized_keys").write_text(key, encoding="utf-8")
        if images is not None:
            shutil.rmtree(self.disk / "lib" / "docker", ignore_errors=True)
            link_images(images, self.disk / "lib" / "docker")

    @property
    def pid(self) -> int:
        """The id, on this machine, of the host's process 1; 0 when it is off."""
        for pid in network.processes(self.number):
            try:
                status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
            except OSError:
                continue
            if any(line.startswith("NSpid:") and line.split()[2:] == ["1"] for line in status.splitlines()):
                return pid
        return 0

    def start(self) -> None:
        """Power on; returns when Docker and sshd answer. Raises LabError."""
        if self.pid:
            raise LabError(f"{self.name} is on already")
        network.plug(self.number)
        script = f'{cgroups.enter(self._group)}; exec "$@"'
        space = f"/run/netns/{network.namespace(self.number)}"
        words = ["nsenter", f"--net={space}", "unshare", "--mount", "--propagation=private", "--pid", "--fork"]
        words += ["--kill-child=KILL", "--uts", "--ipc", "--cgroup"]
        words += ["bash", str(FOLDER / "init.sh"), self.name, str(self.disk), str(self._rootfs)]
        with self._log.open("ab") as log:
            subprocess.Popen(
                ["bash", "-c", script, "bash", *words, *cgroups.hierarchies()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + START
        while time.monotonic() < end:
            if self.pid and self._greets() and self.run("docker", "version", check=False).returncode == 0:
                return
            time.sleep(0.1)
        last = (self._log.read_text(encoding="utf-8", errors="replace").splitlines() or ["no output"])[-1]
        raise LabError(f"{self.name} did not start within {START:.0f} s: {last} (see {self._log})")

    def _greets(self) -> bool:
        """Whether sshd answers over the network (RFC 4253, 4.2)."""
        try:
            with socket.create_connection((self.address, 22), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def kill(self) -> None:
        """Power off at once: nothing is written or said any more. Fine when it is off."""
        network.unplug(self.number)
        if (cgroups.ROOT / "freezer" / self._group).exists():
            cgroups.freeze(self._group, False)  # a frozen process does not die
        for _ in range(100):
            left = network.processes(self.number)
            if not left:
                break
            for pid in [self.pid or left[0], *left]:
                _kill(pid)
            time.sleep(0.1)
        network.remove(self.number)
        cgroups.remove(self._group)

    def stop_docker(self) -> None:
        """Let Docker end in order, so that what it has on disk is whole."""
        self.run("pkill", "-TERM", "-x", "dockerd", check=False)
        while self.run("pgrep", "-x", "dockerd|containerd", check=False).returncode == 0:
            time.sleep(0.1)

    def run(
        self, *words: str, check: bool = True, stdin: int = subprocess.DEVNULL, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the host, over no network; raises LabError if it fails and ``check``."""
        pid = self.pid
        if not pid:
            raise LabError(f"{self.name} is off")
        inside = ["nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*inside, "--", *words], capture_output=True, text=True, stdin=stdin, timeout=timeout, env=environment
        )
        if check and done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise LabError(f"{self.name}: {' '.join(words)} exited with {done.returncode}: {last}")
        return done

    def freeze(self) -> None:
        """Let no process of it run; its address answers pings still, and connections are accepted."""
        cgroups.freeze(self._group, True)

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        cgroups.freeze(self._group, False)


def link_images(source: Path, target: Path) -> None:
    """A copy of Docker's folder; layers, which nobody writes to in place, are linked instead."""
    sh("cp", "-a", "--link", source / "overlay2", _made(target) / "overlay2")
    for entry in source.iterdir():
        if entry.name != "overlay2":
            sh("cp", "-a", entry, target / entry.name)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o711, parents=True)
    return folder


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
