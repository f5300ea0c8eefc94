"""What HAProxy's rules cannot say: scripts that it runs, each in every thread (HAProxy's Lua API)."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from ..saved import write

SCRIPTS = ("options.lua", "hold.lua")


def lay(folder: Path) -> None:
    """Write the scripts into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SCRIPTS:
        write(folder / name, resources.files(__package__).joinpath(name).read_bytes())
