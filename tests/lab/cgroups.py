"""A cgroup for each host in every hierarchy of cgroup v1: what the host's own root of cgroups is, and how it is frozen.

Kernel documentation: admin-guide/cgroup-v1 (freezer-subsystem, cpusets).
"""

from __future__ import annotations

import time
from pathlib import Path

from .shell import LabError

ROOT = Path("/sys/fs/cgroup")
NEEDED = frozenset({"memory", "pids", "freezer", "devices"})


def hierarchies() -> list[str]:
    """The controllers of each hierarchy, as it is mounted (``cpu,cpuacct``; ``systemd``); raises LabError."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    found = [Path(fields[1]).name for fields in mounts if fields[2] == "cgroup" and Path(fields[1]).parent == ROOT]
    if missing := NEEDED - {name for names in found for name in names.split(",")}:
        raise LabError(f"the lab needs cgroup v1 ({', '.join(sorted(missing))} below {ROOT}); this machine has none")
    return found


def _folders(name: str) -> list[Path]:
    return [ROOT / names / name for names in hierarchies()]


def enter(name: str) -> str:
    """Make the cgroups of host ``name``; a shell command that moves the shell into them."""
    folders = _folders(name)
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):  # empty at first, and nobody may enter then
            if (folder / file).exists():
                (folder / file).write_text((folder.parent / file).read_text(encoding="ascii"), encoding="ascii")
    return f"for group in {' '.join(str(folder) for folder in folders)}; do echo $$ >$group/cgroup.procs; done"


def remove(name: str) -> None:
    """Remove the cgroups of host ``name``, whose processes have ended."""
    for folder in _folders(name):
        for inner in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            _rmdir(inner)
        _rmdir(folder)


def _rmdir(folder: Path) -> None:
    for _ in range(50):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.1)  # the kernel lets go a moment after the last process


def freeze(name: str, frozen: bool) -> None:
    """Freeze or thaw all processes of host ``name``, and wait until they are; raises LabError."""
    state, wanted = ROOT / "freezer" / name / "freezer.state", "FROZEN" if frozen else "THAWED"
    for _ in range(100):
        state.write_text(wanted, encoding="ascii")
        if state.read_text(encoding="ascii").strip() == wanted:
            return
        time.sleep(0.05)
    raise LabError(f"{name} is not {wanted.lower()} within 5 s")
