"""Mounts made in Docker's mount namespace, where volumes look for them; and where that namespace is."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from pathlib import Path

import structlog

from ..wire.errors import Failed

log = structlog.get_logger()


def docker_pid(path: str) -> int:
    """The process id of the dockerd that listens at the socket ``path``; raises Failed.

    The socket's owner is asked first (``SO_PEERCRED``): one machine may run several.
    """
    with socket.socket(socket.AF_UNIX) as peer:
        try:
            peer.connect(path)
            owner = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        except OSError:
            owner = 0
    if owner and _comm(owner) == "dockerd":
        return int(owner)
    found = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _comm(int(entry)) == "dockerd")
    if not found:
        raise Failed("no dockerd process is visible", remedy="run the agent with pid: host")
    return found[0]


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def mounted(pid: int, target: str) -> bool:
    """Whether something is mounted at ``target`` in the namespace of ``pid`` (proc(5), mountinfo: field 5)."""
    lines = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(line.split(" ", 5)[4] == target for line in lines)


async def run(*words: str, text: str = "") -> str:
    """The output of a command that reads ``text``; raises Failed with its last line of error output."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise Failed(f"{words[0]} cannot be run: {error.strerror}") from None
    out, errors = await process.communicate(text.encode())
    if process.returncode:
        last = (errors.decode(errors="replace").strip().splitlines() or ["no output"])[-1]
        raise Failed(f"{words[0]} exited with {process.returncode}: {last}")
    return out.decode(errors="replace")


async def mount_squashfs(pid: int, image: str, target: str) -> None:
    """Loop-mount ``image`` read-only at ``target`` in the mount namespace of ``pid``; raises Failed."""
    await run("nsenter", "-t", str(pid), "-m", "--", "mount", "-t", "squashfs", "-o", "loop,ro", image, target)


async def unmount(pid: int, target: str) -> None:
    """Unmount ``target`` in the mount namespace of ``pid``; raises Failed while it is in use."""
    await run("nsenter", "-t", str(pid), "-m", "--", "umount", target)
