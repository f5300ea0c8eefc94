"""Slugs: an app's folder as one squashfs file, the same bytes for the same folder."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from ..wire.errors import Failed, TooLarge

MAX_BYTES = 500_000_000
UID = 1000  # the user `app` of the run image
EPOCH = 1_262_304_000  # 2010-01-01


def stamp(source: str, env: dict[str, str], buildpack: str) -> int:
    """The one time, in seconds since the epoch, that all files of a slug bear.

    It follows from what is built, so that the same build gives the same slug, and yet another build gives other
    times: web servers make ETags and Last-Modified from them, which must change when the content does.
    """
    seed = json.dumps([source, sorted(env.items()), buildpack]).encode()
    return EPOCH + int.from_bytes(hashlib.sha256(seed).digest()[:3], "big") * 10


def squash(app: Path, to: Path, *, time: int) -> int:
    """Pack the folder ``app`` into the squashfs file ``to``; its size in bytes.

    Raises:
        TooLarge: ``slug_too_large``.
        Failed: mksquashfs did not do it.
    """
    options = ["-comp", "zstd", "-Xcompression-level", "9", "-noappend", "-no-progress", "-quiet", "-no-xattrs"]
    options += ["-force-uid", str(UID), "-force-gid", str(UID), "-mkfs-time", str(time), "-all-time", str(time)]
    command = ["mksquashfs", ".", str(to), *options, "-mem", "256M", "-e", ".git"]
    environ = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(command, cwd=app, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"mksquashfs failed: {(done.stderr or done.stdout).strip()[-300:]}", remedy="build again")
    return check_size(to.stat().st_size)


def check_size(size: int) -> int:
    """``size`` if a slug may have so many bytes; raises TooLarge."""
    if size > MAX_BYTES:
        raise TooLarge(
            f"the slug has {size // 1_000_000} MB, the most is {MAX_BYTES // 1_000_000} MB",
            remedy="leave files out with .slugignore, or remove dependencies",
            code="slug_too_large",
        )
    return size
