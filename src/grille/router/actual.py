"""HAProxy's answers read into ``Actual``. Pure; the formats are those of the management guide of 2.6, section 9.3."""

from __future__ import annotations

import ipaddress

from .model import Endpoint, Mode, Server

MAINT = 0x01 | 0x02 | 0x04 | 0x20 | 0x40  # forced, inherited, by configuration, by resolution, by host name
DRAIN = 0x08 | 0x10  # forced, inherited


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
    column = {name: number for number, name in enumerate(header)}
    backends: dict[str, dict[str, Server]] = {}
    for line in lines:
        cells = line.split()
        if len(cells) < len(header) or line.startswith("#") or not header:
            continue
        server = Server(
            Endpoint(_address(cells[column["srv_addr"]]), int(cells[column["srv_port"]])),
            mode(int(cells[column["srv_admin_state"]])),
        )
        backends.setdefault(cells[column["be_name"]], {})[cells[column["srv_name"]]] = server
    return backends


def mode(admin_state: int) -> Mode:
    """The mode that the bits of ``srv_admin_state`` say."""
    if admin_state & MAINT:
        return "maint"
    return "drain" if admin_state & DRAIN else "ready"


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text
