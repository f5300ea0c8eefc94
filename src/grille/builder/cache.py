"""The buildpacks' cache of one app, kept in shelf from build to build. Losing it costs time and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..wire.errors import GrilleError, NotFound
from . import transfer
from .output import line, megabytes, warn

MAX_BYTES = 1_000_000_000


def restore(url: str, cache: Path, scratch: Path) -> None:
    """Unpack the archive at ``url`` into the folder ``cache``; leave it empty when there is none or it is broken."""
    if not url:
        return
    packed = scratch / "cache-restored.tar.zst"
    try:
        transfer.download(url, packed, most=MAX_BYTES)
    except NotFound:
        return
    except GrilleError as error:
        warn(f"the cache cannot be restored: {error.message}")
        return
    done = subprocess.run(["tar", "--zstd", "-xf", packed, "-C", cache], capture_output=True, check=False)
    packed.unlink()
    if done.returncode:
        warn("the cache is broken; building without it")
        subprocess.run(["find", cache, "-mindepth", "1", "-delete"], check=False)


def save(url: str, cache: Path, scratch: Path) -> None:
    """Pack the folder ``cache`` and put it at ``url``; a failure is a warning."""
    packed = scratch / "cache-saved.tar.zst"
    done = subprocess.run(["tar", "--zstd", "-cf", packed, "-C", cache, "."], capture_output=True, check=False)
    if done.returncode or packed.stat().st_size > MAX_BYTES:
        warn("the cache is not kept: it cannot be packed, or is too large")
        return
    try:
        transfer.upload(url, packed, transfer.digest_of(packed))
        line(f"Cache kept: {megabytes(packed.stat().st_size)}")
    except GrilleError as error:
        warn(f"the cache is not kept: {error.message}")


def fingerprint(cache: Path) -> set[tuple[str, int]]:
    """The files of ``cache`` and their sizes: what did not change need not be stored again."""
    found = set()
    for folder, _, names in os.walk(cache):
        for name in names:
            path = os.path.join(folder, name)
            found.add((os.path.relpath(path, cache), os.lstat(path).st_size))
    return found
