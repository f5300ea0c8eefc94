"""What a HAProxy holds, asked at its runtime socket: maps, servers, certificates, to compare field by field."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

MAINT, DRAIN = 0x23, 0x18  # bits of srv_admin_state (HAProxy's management guide, "show servers state")
FIELDS = ("srv_addr", "srv_port", "srv_uweight")
Held = dict[str, str]


def held(folder: Path) -> Held:
    """Each fact by its name: a map's entry, a server's fields, a certificate's fingerprint.

    Servers that are the only one of their backend are left out: they are placeholders of a pool.

    Args:
        folder: where the socket is.
    """
    found = servers(folder)
    for path in sorted(_paths(ask(folder, "show map"))):
        for line in ask(folder, f"show map {path}").splitlines():
            _, _, entry = line.partition(" ")
            key, _, value = entry.partition(" ")
            found[f"map {Path(path).name} {key}"] = value
    for path in ask(folder, "show ssl cert").splitlines():
        if path and not path.startswith(("#", "*")):
            found[f"certificate {Path(path).name}"] = _certificate(ask(folder, f"show ssl cert {path}"))
    return found


def servers(folder: Path) -> Held:
    """The servers alone, but for placeholders."""
    lines = ask(folder, "show servers state").splitlines()
    head = next(line for line in lines if line.startswith("# be_id"))[2:].split()
    rows = [dict(zip(head, line.split(), strict=False)) for line in lines if line[:1].isdigit() and " " in line]
    several = _several(row["be_name"] for row in rows)
    return {f"server {row['be_name']}/{row['srv_name']}": _fields(row) for row in rows if row["be_name"] in several}


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What is not the same in both, a line each."""
    return [
        f"{name}: {before.get(name, 'nothing')} then {after.get(name, 'nothing')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def ask(folder: Path, command: str) -> str:
    """HAProxy's answer to one command; raises OSError."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(folder / "haproxy.sock"))
        client.sendall(f"{command}\n".encode())
        parts = []
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def _several(names: Iterable[str]) -> set[str]:
    """The names that come more than once."""
    return {name for name, count in Counter(names).items() if count > 1}


def _fields(row: Mapping[str, str]) -> str:
    admin = int(row["srv_admin_state"])
    mode = "maint" if admin & MAINT else "drain" if admin & DRAIN else "ready"
    return " ".join([*(row[name] for name in FIELDS), mode])


def _paths(text: str) -> set[str]:
    """The files of the maps that ``show map`` lists: ``<id> (<file>) …``."""
    named = [line.partition("(")[2].partition(")")[0] for line in text.splitlines() if not line.startswith("#")]
    return {name for name in named if name.endswith(".map")}


def _certificate(text: str) -> str:
    wanted = ("Serial", "Subject Alternative Name", "SHA1 FingerPrint")
    return " ".join(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(wanted))
