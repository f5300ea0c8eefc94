"""HAProxy's container: ``python -m grille.router.haproxy``, the parent of HAProxy (see ``supervisor``)."""

from __future__ import annotations

import contextlib
import os
import sys

from ..service.settings import Settings
from ..wire.errors import GrilleError, Unavailable
from .supervisor import log
from .supervisor.loop import Supervisor

NICE = -10  # requests go before all else on the host


def binary() -> str:
    """The path of HAProxy; raises Unavailable."""
    for folder in [*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/usr/local/sbin"]:
        path = os.path.join(folder, "haproxy")
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise Unavailable("haproxy is not installed", remedy="install the haproxy package")


def main() -> None:
    """Run HAProxy until told to stop; one line and exit code 2 when it does not start at all."""
    with contextlib.suppress(PermissionError):  # in a container the job's cpu_weight does the same
        os.nice(NICE)
    settings = Settings()
    log.configure(settings.text("LOG_LEVEL", "info"))
    try:
        code = Supervisor(settings, binary()).run()
    except GrilleError as error:
        print(f"grille haproxy: {error}", file=sys.stderr)
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()
