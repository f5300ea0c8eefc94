"""What HAProxy holds of ours: the lines of the crt-list, certificates and CAs, told by itself.

Formats: HAProxy's management guide, ``show ssl crt-list``, ``show ssl cert`` and ``show ssl ca-file``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..cli import Cli

LINE = re.compile(r"(\S+):(\d+)(?: \[([^\]]*)\])?((?: \S+)*)\s*\Z")
CA_OPTION = re.compile(r"(?:^| )ca-file (\S+)")
STAPLED = re.compile(r"^OCSP Response Key: [0-9a-fA-F]", re.MULTILINE)
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

    ``stapled``: those certificates' files that have an OCSP answer. ``open``: the certificate whose change somebody
    began and did not end.
    """

    tls: bool = False
    lines: list[Line] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    cas: dict[str, frozenset[str]] = field(default_factory=dict)
    stapled: set[str] = field(default_factory=set)
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
    held = Held()
    await refresh(cli, folder, held, None)
    return held


async def refresh(cli: Cli, folder: Path, held: Held, files: Iterable[str] | None) -> None:
    """Look again at what was changed: the list, and ``files``, certificates or CAs (None: all). Raises Unavailable."""
    lines, certificates, cas = await cli.run([_show_list(folder), "show ssl cert", "show ssl ca-file"])
    if not lines.startswith("#"):
        return
    held.tls, held.lines, held.open = True, parse_lines(lines), parse_open(certificates)
    ours = str(folder / "certs") + "/"
    there = {name for name in parse_names(certificates) + parse_names(cas) if name.startswith(ours)}
    there.discard(f"{ours}default.pem")
    wanted = sorted(there) if files is None else sorted(set(files))
    await _look(cli, held, [name for name in wanted if name in there])
    for name in set(wanted) - there:
        held.files.pop(name, None)
        held.cas.pop(name, None)


async def _look(cli: Cli, held: Held, files: list[str]) -> None:
    """Enter the fingerprints of ``files``, which HAProxy has, in ``held``; one that is empty yet has none."""
    details = await cli.run([f"show ssl {'ca-file' if is_ca(name) else 'cert'} {name}" for name in files])
    for name, text in zip(files, details, strict=True):
        prints = frozenset(found.lower() for found in SHA1.findall(text))
        if is_ca(name):
            held.cas[name] = prints
            continue
        held.files[name] = next(iter(prints), "")
        held.stapled.discard(name)
        if STAPLED.search(text):
            held.stapled.add(name)


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
