"""Keys that seal configuration, for tests."""

from __future__ import annotations

import base64
import os
from pathlib import Path


def new_key(ident: str) -> str:
    """A line of a file of keys."""
    return f"{ident}:{base64.b64encode(os.urandom(32)).decode()}"


def lay_keys(path: Path, *lines: str) -> Path:
    """Make ``path`` a file of keys, by renaming as Ansible does."""
    new = path.with_suffix(".new")
    new.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    new.chmod(0o600)
    new.replace(path)
    return path
