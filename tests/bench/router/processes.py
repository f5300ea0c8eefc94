"""Processes that are measured: started on chosen cores, their processor time and memory read from /proc."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from grille.router.haproxy import NICE

TICK = os.sysconf("SC_CLK_TCK")
PACKAGES = {"wrk": "wrk", "haproxy": "haproxy", "nginx": "nginx-core or nginx", "caddy": "caddy"}


def have(name: str) -> bool:
    """Whether the program ``name`` is installed; says what is missing when it is not."""
    found = program(name) is not None
    if not found:
        print(f"{name} is not installed and left out: apt-get install {PACKAGES[name]}", flush=True)
    return found


def program(name: str) -> str | None:
    """The path of ``name``."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")


def stand_apart() -> None:
    """Let this process wait for no other (only root may): it stands for machines with processors of their own.

    In the usual policy even a high priority waits until another's slice, of 3 ms, is over.
    """
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def start(
    command: Sequence[str],
    log: Path,
    *,
    cores: str = "",
    environ: Mapping[str, str] | None = None,
    first: bool = False,
    apart: bool = False,
) -> subprocess.Popen[bytes]:
    """Start ``command`` with its output in ``log``.

    Args:
        cores: where it runs, as ``taskset`` takes it; empty: anywhere.
        first: it goes before others, as Grille's HAProxy does. apart: it is none of the routers (``stand_apart``).
    """
    pinned = ["taskset", "-c", cores, *command] if cores else list(command)
    if first:
        pinned = ["nice", "-n", str(NICE), *pinned]
    with log.open("ab") as file:
        env = None if environ is None else {**os.environ, **environ}
        ready = stand_apart if apart else None
        return subprocess.Popen(pinned, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env, preexec_fn=ready)


def end(*processes: subprocess.Popen[bytes] | None) -> None:
    """End each of ``processes`` at once, and what it has started."""
    for process in processes:
        if process is None:
            continue
        for pid in reversed(family(process.pid)):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        process.wait()


def family(pid: int) -> list[int]:
    """``pid`` and its descendants that live, parents first."""
    parents = {child: int(fields[1]) for child, fields in _stats()}
    found = [pid] if pid in parents else []
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def named(pids: Iterable[int], name: str) -> list[int]:
    """Those of ``pids`` whose program is ``name``."""
    return [pid for pid in pids if _read(f"/proc/{pid}/comm").strip() == name]


def cpu(pids: Iterable[int]) -> float:
    """Seconds of processor time that ``pids`` have used."""
    stats = (_read(f"/proc/{pid}/stat").rpartition(")")[2].split() for pid in pids)
    return sum(int(fields[11]) + int(fields[12]) for fields in stats if fields) / TICK


def memory(pids: Iterable[int]) -> float:
    """Resident memory of ``pids`` in MiB; what they share is counted once for each."""
    found = 0
    for pid in pids:
        lines = _read(f"/proc/{pid}/status").splitlines()
        found += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return found / 1024


def wait_port(port: int, address: str = "127.0.0.1", timeout: float = 30.0) -> None:
    """Until somebody listens there; raises RuntimeError."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError(f"nobody listens at {address}:{port} after {timeout:g} s")


def _stats() -> Iterable[tuple[int, list[str]]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (text := _read(f"/proc/{entry}/stat")):
            yield int(entry), text.rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
