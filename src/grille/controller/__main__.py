"""The controller daemon: ``python -m grille.controller``."""

from __future__ import annotations

from ..service.daemon import main
from .app import run

if __name__ == "__main__":
    main("controller", run)
