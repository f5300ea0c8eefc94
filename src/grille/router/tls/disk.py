"""The files that HAProxy comes back with: certificates with their keys, for the owner's eyes alone."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from .. import saved

SUFFIXES = (".pem", ".ca")


def digest(text: str) -> str:
    """What tells one content of a file from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def contents(folder: Path) -> dict[str, str]:
    """The digest of each certificate and CA in ``folder``, by path; the default certificate is none of them."""
    found: dict[str, str] = {}
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return {}
    for path in paths:
        if path.suffix in SUFFIXES and path.name != "default.pem" and not path.name.startswith("."):
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def write(path: str, text: str) -> None:
    """Replace the file at ``path`` in one step, on the disk when this returns; nobody else may ever read it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    saved.write(target, text.encode(), 0o600)


def write_all(files: dict[str, str]) -> None:
    """``write`` for each."""
    for path, text in files.items():
        write(path, text)


def remove(paths: Collection[str]) -> None:
    """Remove files; those that are gone already are fine."""
    for path in paths:
        Path(path).unlink(missing_ok=True)
