"""What HAProxy holds of ours: the lines of the crt-list, certificates and CAs, told by itself.

Formats: HAProxy's management guide, ``show ssl crt-list``, ``show ssl cert`` and ``show ssl ca-file``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..cli import Cli

LINE = re.compile(r"(\S+):(\d+)(?: \[([^\]]*)\])?((?: \S+)*)\s*\Z")
CA_OPTION = re.compile(r"(?:^| )ca-file (\S+)")
SHA1 = re.compile(r"^SHA1 FingerPrint: ([0-9A-F]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A line of the crt-list. ``number`` tells it from others of the same file; ``ca`` is a file, or empty."""

    file: str
    number: int
    ca: str
    domains: frozenset[str]

    def __str__(self) -> str:
        return line_of(self.file, self.ca, self.domains)


@dataclass
class Held:
    """``tls``: whether HAProxy has the crt-list at all. ``files``: each certificate's sha1. ``cas``: those of CAs.

    ``open``: the certificate whose change somebody began and did not end.
    """

    tls: bool = False
    lines: list[Line] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    cas: dict[str, frozenset[str]] = field(default_factory=dict)
    open: str = ""


def line_of(file: str, ca: str, domains: Iterable[str]) -> str:
    """A line of the crt-list: with a CA, clients are asked for a certificate, and may have none."""
    options = f" [ca-file {ca} verify optional]" if ca else ""
    return f"{file}{options} {' '.join(sorted(domains))}"


def list_file(folder: Path) -> str:
    """The name of the crt-list."""
    return str(folder / "certs" / "list.txt")


async def ask(cli: Cli, folder: Path) -> Held:
    """What HAProxy holds in ``folder``'s ``certs``; raises Unavailable."""
    lines, files, cas = await cli.run([_show_list(folder), "show ssl cert", "show ssl ca-file"])
    if not lines.startswith("#"):
        return Held()
    held = Held(tls=True, lines=parse_lines(lines), open=parse_open(files))
    ours = str(folder / "certs") + "/"
    names = [name for name in parse_names(files) + parse_names(cas) if name.startswith(ours)]
    await _look(cli, held, [name for name in names if name != f"{ours}default.pem"])
    return held


async def refresh(cli: Cli, folder: Path, held: Held, files: Iterable[str]) -> None:
    """Look again at what was changed: the list, and ``files``, certificates or CAs. Raises Unavailable."""
    (lines,) = await cli.run([_show_list(folder)])
    held.lines = parse_lines(lines)
    await _look(cli, held, list(files))


async def _look(cli: Cli, held: Held, files: list[str]) -> None:
    """Enter the fingerprints of ``files`` in ``held``; those that HAProxy does not have are taken out."""
    details = await cli.run([f"show ssl {'ca-file' if is_ca(name) else 'cert'} {name}" for name in files])
    for name, text in zip(files, details, strict=True):
        prints = frozenset(found.lower() for found in SHA1.findall(text))
        table: dict[str, Any] = held.cas if is_ca(name) else held.files
        table.pop(name, None)
        if prints:
            table[name] = prints if is_ca(name) else next(iter(prints))


def _show_list(folder: Path) -> str:
    return f"show ssl crt-list -n {list_file(folder)}"


def is_ca(file: str) -> bool:
    """Whether ``file`` holds the CA of clients' certificates."""
    return file.endswith(".ca")


def parse_lines(text: str) -> list[Line]:
    """The lines of a crt-list as shown with their numbers."""
    found: list[Line] = []
    for raw in text.splitlines():
        if match := LINE.match(raw):
            ca = CA_OPTION.search(match[3] or "")
            found.append(Line(match[1], int(match[2]), ca[1] if ca else "", frozenset(match[4].split())))
    return found


def parse_names(text: str) -> list[str]:
    """The files in a list of certificates or CAs that are in use, or may be: not the half-changed one's second name."""
    return [line.split(" ")[0] for line in text.splitlines() if line and line[0] not in "#*"]


def parse_open(text: str) -> str:
    """The certificate whose change is under way, by the mark before its name; empty: none."""
    return next((line[1:].split(" ")[0] for line in text.splitlines() if line.startswith("*")), "")
