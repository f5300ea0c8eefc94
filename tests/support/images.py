"""The grid's images, made when they are missing."""

from __future__ import annotations

import fcntl
import functools
import subprocess

from tests.support.grid import ROOT


@functools.cache
def images() -> dict[str, str]:
    """The names of the images by kind: run, build, system. Takes a fraction of a second when nothing is missing."""
    with (ROOT / "images" / "build.sh").open() as script:
        fcntl.flock(script, fcntl.LOCK_EX)  # the tests may run in several processes: one makes them, the others wait
        done = subprocess.run([script.name], stdout=subprocess.PIPE, text=True, check=True)
    names = [line.split()[1] for line in done.stdout.splitlines()]
    return {name.split("/")[1].split(":")[0]: name for name in names}
