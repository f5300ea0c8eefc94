"""``python -m tests.lab``: the lab from the command line, as root, from the project's root.

up [COUNT] [IMAGE...]   lay the network, power COUNT hosts (3) on, with IMAGEs in their Docker
down                    take everything away
status                  which hosts are on, and how to reach them
kill | start | freeze | thaw | cut | mend  HOST...   hosts by number
run HOST COMMAND...     a command on a host, over no network
clean                   down, and forget the root file system and the images that are kept
"""

from __future__ import annotations

import os
import select
import shutil
import sys
from contextlib import suppress

from .lab import Lab, wipe
from .rootfs import CACHE
from .shell import LabError

VERBS = ("kill", "start", "freeze", "thaw", "cut", "mend")


def main(words: list[str]) -> int:
    """Do what ``words`` say; the exit code."""
    verb, *rest = words or ["help"]
    if verb == "up":
        count = int(rest.pop(0)) if rest and rest[0].isdigit() else 3
        Lab(count, rest).up()
        _status()
    elif verb in ("down", "clean"):
        wipe()
        if verb == "clean":
            shutil.rmtree(CACHE, ignore_errors=True)
    elif verb == "status":
        _status()
    elif verb in VERBS and rest and all(word.isdigit() for word in rest):
        lab = Lab.attach()
        for number in map(int, rest):
            getattr(lab, verb)(number)
    elif verb == "run" and len(rest) > 1 and rest[0].isdigit():
        done = Lab.attach().host(int(rest[0])).run(*rest[1:], check=False, timeout=3600)
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        return done.returncode
    elif verb == "watch" and len(rest) == 1:
        _watch(int(rest[0]))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


def _status() -> None:
    lab = Lab.attach()
    for host in lab.hosts:
        state = f"on, process 1 is {host.pid}" if host.pid else "off"
        print(f"{host.number}  {host.name:8} {host.address:12} {state}")
    print(f"ansible -i {lab.inventory} all -m ping")
    print(f"ssh -i {lab.folder}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@ADDRESS")


def _watch(owner: int) -> None:
    """Wait for the end of the process ``owner``; then take down the lab that it left."""
    with suppress(ProcessLookupError):
        select.select([os.pidfd_open(owner)], [], [])
    if Lab.owner() == owner:
        wipe()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabError as error:
        sys.exit(f"lab: {error}")
