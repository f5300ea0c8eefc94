"""HAProxy's answers read into ``Actual``. Pure; the formats are those of the management guide of 2.6, section 9.3."""

from __future__ import annotations

import ipaddress

from .model import Endpoint, Mode, Server

# The bits of srv_admin_state that keep requests away: maintenance or drain, forced or inherited, or an unresolved name.
# 0x04 does not: it only says that the configuration has the server ``disabled``, and stays when that is over.
OUT = 0x3B


def parse_info(text: str) -> tuple[int, str, int]:
    """Pid (in HAProxy's own container), version and seconds of running in an answer to ``show info``."""
    fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    return int(fields.get("Pid", 0)), fields.get("Version", ""), int(fields.get("Uptime_sec", 0))


def parse_map(text: str) -> dict[str, str]:
    """The entries in an answer to ``show map <file>``: ``0x… key value``.

    A key that is there more than once gets an empty value, so that a plan sets all its copies.
    """
    table: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(" ", 2)
        if len(parts) == 3 and parts[0].startswith("0x"):
            table[parts[1]] = "" if parts[1] in table else parts[2].strip()
    return table


def parse_servers(text: str) -> dict[str, dict[str, Server]]:
    """The backends and servers in an answer to ``show servers state`` (version 1)."""
    lines = text.splitlines()
    header = next((line[2:].split() for line in lines if line.startswith("# ")), [])
    if not header:
        return {}
    columns = ("be_name", "srv_name", "srv_addr", "srv_port", "srv_admin_state", "srv_uweight")
    backend, name, address, port, state, weight = map(header.index, columns)
    backends: dict[str, dict[str, Server]] = {}
    for line in lines:
        cells = line.split()
        if len(cells) < len(header) or line.startswith("#"):
            continue
        endpoint = Endpoint(_address(cells[address]), int(cells[port]))
        server = Server(endpoint, mode(int(cells[state])), int(cells[weight]))
        backends.setdefault(cells[backend], {})[cells[name]] = server
    return backends


def mode(admin_state: int) -> Mode:
    """The mode that the bits of ``srv_admin_state`` say."""
    return "maint" if admin_state & OUT else "ready"


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text
