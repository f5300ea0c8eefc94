"""HAProxy's own exporter for Prometheus, which listens on a unix socket, passed on to who has a token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp

from ...wire.errors import Unavailable
from ..render.exporter import PATH

TIMEOUT = aiohttp.ClientTimeout(total=30.0, sock_connect=3.0)
CHUNK = 64 * 1024


async def chunks(socket: str, query: str) -> AsyncIterator[bytes]:
    """The exporter's answer, piece by piece: it is some megabytes where there are many backends.

    Args:
        socket: the exporter's. query: passed on as it is (``scope=frontend&no-maint``, say).

    Raises:
        Unavailable: HAProxy is away, or was built without the exporter.
    """
    url = f"http://haproxy{PATH}" + (f"?{query}" if query else "")
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=socket), timeout=TIMEOUT) as session,
            session.get(url) as answer,
        ):
            if answer.status != 200:
                raise _unavailable(socket, f"status {answer.status}")
            async for piece in answer.content.iter_chunked(CHUNK):
                yield piece
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _unavailable(socket, str(error) or type(error).__name__) from None


def _unavailable(socket: str, why: str) -> Unavailable:
    return Unavailable(
        f"HAProxy's exporter does not answer at {socket}: {why}", remedy="GET /metrics has the router's own metrics"
    )
