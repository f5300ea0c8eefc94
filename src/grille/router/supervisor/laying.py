"""What HAProxy is started with: its configuration from settings and ``state.json``, and a file of the process's own."""

from __future__ import annotations

import os
import pwd
import resource
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...service.settings import Settings
from ...wire.errors import InvalidValue

if TYPE_CHECKING:
    from ..render import Options

DATA = "/var/lib/grille/router"
USER = "haproxy"
MOST_FDS = 200_000
CAP_SETGID, CAP_SETUID = 6, 7
SETTING = "setting"  # the code of an error that another state would not mend
FIRST_POOLS = {"http": 200, "zip": 20, "t300": 20, "t3600": 50, "t86400": 20}  # where nothing was saved


def lay(settings: Settings, *, generation: str, empty: bool) -> str:
    """Lay configuration, maps, pages and certificates; the configuration's path. Needs much: call it in a child.

    Args:
        generation: tells the inner sockets of this HAProxy from those of others. empty: leave out what was saved.
    Raises:
        InvalidValue: a setting (code SETTING) or the saved state is not valid.
        Unavailable: there is no certificate, and none can be made.
    """
    from .. import render, saved

    try:
        wanted = replace(options(settings), generation=generation)
    except InvalidValue as error:
        raise InvalidValue(error.message, remedy=error.remedy, code=SETTING) from None
    os.umask(0o077)  # all of it is read before HAProxy becomes another user
    wanted.folder.mkdir(parents=True, exist_ok=True)
    if wanted.user:
        _let_in(wanted.folder, wanted.user)
    return str(render.lay(wanted, saved.Saved() if empty else saved.load(wanted.folder)))


def options(settings: Settings) -> Options:
    """The options that the settings and this process's limits give; raises InvalidValue."""
    from ..render import Options

    first = {**FIRST_POOLS, "http": max(1, settings.integer("ROUTER_POOL", FIRST_POOLS["http"]))}
    return Options(
        folder=Path(settings.text("DATA", DATA)),
        bind=tuple(settings.words("ROUTER_BIND", "*")),
        http_port=settings.integer("ROUTER_HTTP_PORT", 80),
        https_port=settings.integer("ROUTER_HTTPS_PORT", 443),
        pools=tuple(first.items()),
        fd_limit=fd_limit(),
        user=user(),
        tcp_ports=port_range(settings.text("ROUTER_TCP_PORTS", "")),
        proxies=tuple(settings.words("ROUTER_PROXIES")),
    )


def port_range(text: str) -> tuple[int, int] | None:
    """First and last of the ports in ``text``, like ``20000-20099``; None for no text; raises InvalidValue."""
    if not text:
        return None
    first, _, last = text.partition("-")
    if first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65536:
        return int(first), int(last)
    raise InvalidValue(f"GRILLE_ROUTER_TCP_PORTS is {text!r}", remedy="use a range like 20000-20099")


def _let_in(folder: Path, name: str) -> None:
    """Let the user called ``name`` through ``folder``, to the sockets on which HAProxy is its own client."""
    os.chown(folder, -1, pwd.getpwnam(name).pw_gid)
    folder.chmod(0o710)


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


def own(socket: Path, longest: int) -> str:
    """The configuration that only one process has: its runtime socket, and how long it may take to end softly."""
    return f"""# Written by grille-haproxy for the process that it starts.
global
    stats socket {socket} mode 600 level admin expose-fd listeners
    hard-stop-after {longest}s
"""
