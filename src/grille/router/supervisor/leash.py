"""No HAProxy outlives its supervisor, however that ends.

A death signal of the kernel's (``PR_SET_PDEATHSIG``) would be forgotten as HAProxy changes its user. So all HAProxy
processes are in the process group of a shell that waits for the end of a pipe. The supervisor holds that open, and
never writes to it; when it ends, the shell kills its whole group.
"""

from __future__ import annotations

import subprocess

SCRIPT = "read never; kill -9 0"


class Leash:
    """The process group that HAProxy processes are started in."""

    def __init__(self) -> None:
        self._shell = _shell()

    def group(self) -> int:
        """The id of the group; a new one, should somebody have killed the shell."""
        if self._shell.poll() is not None:
            self._shell = _shell()
        return self._shell.pid

    def close(self) -> None:
        """End the shell, and whoever is in its group."""
        if self._shell.stdin is not None:
            self._shell.stdin.close()
        self._shell.wait()


def _shell() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sh", "-c", SCRIPT], stdin=subprocess.PIPE, process_group=0)
