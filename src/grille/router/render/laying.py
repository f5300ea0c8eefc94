"""Lays on the disk what HAProxy reads when it starts."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from dataclasses import replace
from pathlib import Path

from .. import certificate, lua, pages
from ..saved import Saved, write
from .options import Options
from .text import configuration, maps


def lay(options: Options, saved: Saved) -> Path:
    """Write the configuration and all that it names; its path. Raises Unavailable: no certificate can be made."""
    folder = options.folder
    placed = replace(options, generation=options.generation or f"-{time.time_ns():x}")
    for name in ("hold", "tls"):
        _remove_left(folder, f"{name}-*.sock")
    pages.lay(folder)
    lua.lay(folder / "lua")
    certificate.ensure(folder / "certs")
    write(folder / "certs" / "list.txt", _listed(folder, saved).encode(), 0o600)
    write(folder / "proxies.lst", "".join(f"{each}\n" for each in options.proxies).encode())
    for file, text in maps(options, saved).items():
        write(folder / file, text.encode())
    path = folder / "haproxy.cfg"
    write(path, configuration(placed, saved).encode())
    return path


def _listed(folder: Path, saved: Saved) -> str:
    """The lines of the crt-list whose files are there: one that is missing must not keep HAProxy from starting."""
    lines = [
        line for line in saved.certificates if line and all((folder / "certs" / each).exists() for each in _files(line))
    ]
    return "".join(f"{line}\n" for line in lines)


def _files(line: str) -> list[str]:
    """The files that a line names: its certificate, and the authorities that may sign clients'."""
    words = line.replace("[", " ").replace("]", " ").split()
    return [words[0], *(path for word, path in itertools.pairwise(words) if word == "ca-file")]


def _remove_left(folder: Path, pattern: str) -> None:
    """Remove sockets that nobody listens on any more."""
    for path in folder.glob(pattern):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as peer:
            try:
                peer.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)
