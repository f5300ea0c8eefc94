"""The launcher of HAProxy's container: ``python -m grille.router.haproxy``.

Lays configuration, maps, pages and certificate, lets HAProxy check them, then becomes HAProxy. What was saved
comes back with it; when HAProxy does not accept that, it starts empty, and the daemon fills it through the socket.
"""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import structlog

from ..service.logs import configure
from ..service.settings import Settings
from ..wire.errors import GrilleError, InvalidValue, Unavailable
from . import certificate, pages, saved
from .render import Options, configuration, maps

log = structlog.get_logger()
DATA = "/var/lib/grille/router"
USER = "haproxy"
MOST_FDS = 200_000
CAP_SETGID, CAP_SETUID = 6, 7


def options(settings: Settings) -> Options:
    """The options that the settings and this process's limits give."""
    return Options(
        folder=Path(settings.text("DATA", DATA)),
        bind=tuple(settings.words("ROUTER_BIND", "*")),
        http_port=settings.integer("ROUTER_HTTP_PORT", 80),
        https_port=settings.integer("ROUTER_HTTPS_PORT", 443),
        pools=(("http", settings.integer("ROUTER_POOL", 1000)),),
        fd_limit=fd_limit(),
        user=user(),
    )


def fd_limit() -> int:
    """File descriptors for HAProxy: the hard limit, within reason."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST_FDS if hard == resource.RLIM_INFINITY else min(hard, MOST_FDS)


def user() -> str:
    """Whom HAProxy can become: its own user where that exists and this process may change to it."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return ""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), 16)
    return USER if os.geteuid() == 0 and effective >> CAP_SETUID & 1 and effective >> CAP_SETGID & 1 else ""


def binary() -> str:
    """The path of HAProxy; raises Unavailable."""
    found = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Unavailable("haproxy is not installed", remedy="install the haproxy package")
    return found


def lay(wanted: Options, state: saved.Saved) -> Path:
    """Write the configuration and all that it names; its path."""
    pages.lay(wanted.folder / "pages")
    if wanted.https_port:
        certificate.ensure(wanted.folder / "certs")
    for name, text in maps(wanted, state).items():
        saved.write(wanted.folder / name, text.encode())
    path = wanted.folder / "haproxy.cfg"
    saved.write(path, configuration(wanted, state).encode())
    return path


def check(haproxy: str, path: Path) -> str:
    """What HAProxy says against the configuration at ``path``; an empty string when it is fine."""
    done = subprocess.run([haproxy, "-c", "-f", str(path)], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    alerts = [line for line in done.stderr.splitlines() if line.startswith("[ALERT]")]
    return alerts[0].partition(" : ")[2] if alerts else f"exit code {done.returncode}"


def prepare(haproxy: str, wanted: Options) -> Path:
    """A configuration that HAProxy accepts: with what was saved, else empty; raises InvalidValue."""
    wanted.folder.mkdir(parents=True, exist_ok=True)
    try:
        path = lay(wanted, saved.load(wanted.folder))
        wrong = check(haproxy, path)
    except InvalidValue as error:
        wrong = error.message
    if not wrong:
        return path
    path = lay(wanted, saved.Saved())
    still = check(haproxy, path)
    if still:
        raise InvalidValue(f"HAProxy does not accept {path}: {still}", remedy="see the GRILLE_ROUTER_ settings")
    log.error("saved state not usable, starting empty", error=wrong)
    return path


def main() -> None:
    """Prepare, then become HAProxy."""
    settings = Settings()
    configure("haproxy", settings.text("LOG_LEVEL", "info"))
    try:
        haproxy = binary()
        path = prepare(haproxy, options(settings))
    except GrilleError as error:
        print(f"grille haproxy: {error}", file=sys.stderr)
        sys.exit(2)
    os.execv(haproxy, [haproxy, "-db", "-f", str(path)])


if __name__ == "__main__":
    main()
