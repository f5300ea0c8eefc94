"""What HAProxy is started with, from settings and what was saved: as text (pure), and laid on the disk."""

from __future__ import annotations

from .laying import lay
from .options import SOCKET, Options
from .text import configuration, maps

__all__ = ["SOCKET", "Options", "configuration", "lay", "maps"]
