"""The host as its agent sees it: processors, load, memory, disk; and a job's use of them, from cgroup files."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True)
class Usage:
    """What one job has used: processor seconds so far, bytes of memory at the moment."""

    cpu_seconds: float
    memory_bytes: int


def memory(meminfo: str) -> tuple[int, int]:
    """Total and available MiB in the text of /proc/meminfo (proc(5))."""
    sizes = {}
    for line in meminfo.splitlines():
        name, _, rest = line.partition(":")
        sizes[name] = int(rest.split()[0]) // 1024 if rest.split() else 0
    return sizes.get("MemTotal", 0), sizes.get("MemAvailable", 0)


def figures(folder: Path) -> dict[str, float | int]:
    """The fields of HostStatus that are measured; disk is that of ``folder``, in bytes, memory in MiB."""
    total, available = memory(Path("/proc/meminfo").read_text(encoding="utf-8"))
    disk = shutil.disk_usage(folder)
    return {
        "cpus": os.cpu_count() or 1,
        "load": round(os.getloadavg()[0], 2),
        "memory_total": total,
        "memory_available": available,
        "disk_total": disk.total,
        "disk_free": disk.free,
    }


class Cgroups:
    """Reads containers' cgroup files below ``root`` (v1 and v2, cgroupfs and systemd drivers)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def usage(self, container: str) -> Usage | None:
        """What the container with this id has used; None when it has no cgroup (it does not run)."""
        if not container:
            return None
        for place in (f"docker/{container}", f"system.slice/docker-{container}.scope"):
            if (found := self._version2(place) or self._version1(place)) is not None:
                return found
        return None

    def _version2(self, place: str) -> Usage | None:
        """cgroup v2: cpu.stat in microseconds, memory.current."""
        try:
            stat = (self._root / place / "cpu.stat").read_text(encoding="utf-8").splitlines()
            current = int((self._root / place / "memory.current").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        micros = next((int(line.split()[1]) for line in stat if line.startswith("usage_usec ")), 0)
        return Usage(micros / 1e6, current)

    def _version1(self, place: str) -> Usage | None:
        """cgroup v1: cpuacct.usage in nanoseconds, memory.usage_in_bytes."""
        try:
            nanos = int((self._root / "cpuacct" / place / "cpuacct.usage").read_text(encoding="utf-8"))
            used = int((self._root / "memory" / place / "memory.usage_in_bytes").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return Usage(nanos / 1e9, used)
