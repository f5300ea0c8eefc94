"""The guard: ``python -m grille.host.guard``, a container with nothing but Docker's socket."""

from __future__ import annotations

from ..service.daemon import main, run_loops
from ..service.settings import Settings
from .engine import SOCKET, Engine
from .layer0 import LABEL, Layer0
from .streams import Streams


async def run(settings: Settings) -> None:
    """Guard until told to stop."""
    socket = settings.text("DOCKER_SOCKET", SOCKET)
    engine, streams = Engine(socket), Streams(socket)
    label = settings.text("GUARD_LABEL", LABEL)
    layer0 = Layer0(engine, streams, myself=settings.text("SELF", "grille-guard"), label=label)
    try:
        await run_loops({"events": layer0.follow, "keep": layer0.keep})
    finally:
        await streams.close()


if __name__ == "__main__":
    main("guard", run)
