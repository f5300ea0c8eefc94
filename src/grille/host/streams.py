"""Docker's streams (events, logs, attach) over its socket, asynchronously: they may last for hours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from ..wire.errors import NotFound, Unavailable

API = "http://docker"  # the daemon's own API version
HEADER = 8  # bytes before each frame of a multiplexed stream: kind, three zeros, big-endian length


class Streams:
    """Opens streams at the daemon behind ``socket``."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._opened: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session to the daemon, opened at first use."""
        if self._opened is None:
            connector = aiohttp.UnixConnector(self._socket, limit=0)
            self._opened = aiohttp.ClientSession(connector=connector, read_bufsize=1024 * 1024)
        return self._opened

    async def close(self) -> None:
        """Close all streams."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def events(self, filters: dict[str, list[str]]) -> AsyncIterator[dict[str, Any]]:
        """Docker's events from now on; first an empty one once the stream stands.

        Raises:
            Unavailable: Docker went away.
        """
        params = {"filters": json.dumps(filters)}
        async with self._get("/events", params) as answer:
            yield {}
            try:
                async for line in answer.content:
                    yield json.loads(line)
            except (aiohttp.ClientError, OSError):
                pass
        raise Unavailable("Docker's event stream ended", code="no_docker")

    async def logs(self, name: str, *, since: str, tail: int, follow: bool) -> AsyncIterator[tuple[str, bytes]]:
        """Chunks of a container's logs as (``stdout`` or ``stderr``, lines with Docker's timestamps).

        Args:
            since: seconds since the epoch with nanoseconds, as Docker takes it; empty: from the start.
            tail: at most this many last lines; 0: all.
        """
        params = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": "1" if follow else "0"}
        params |= {"since": since} if since else {}
        params |= {"tail": str(tail)} if tail else {}
        async with self._get(f"/containers/{name}/logs", params) as answer:
            try:
                while True:
                    head = await answer.content.readexactly(HEADER)
                    data = await answer.content.readexactly(int.from_bytes(head[4:], "big"))
                    yield ("stderr" if head[0] == 2 else "stdout"), data
            except (asyncio.IncompleteReadError, aiohttp.ClientError, OSError):
                return

    def _get(self, path: str, params: dict[str, str]) -> _Opened:
        return _Opened(self.session, path, params)


class _Opened:
    """A streaming GET as a context, its refusals as Grille's errors."""

    def __init__(self, session: aiohttp.ClientSession, path: str, params: dict[str, str]) -> None:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=5)
        self._path = path
        self._request = session.get(API + path, params=params, timeout=limits)

    async def __aenter__(self) -> aiohttp.ClientResponse:
        try:
            answer = await self._request.__aenter__()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"Docker does not answer: {type(error).__name__}", code="no_docker") from None
        if answer.status == 404:
            answer.release()
            raise NotFound("the container is gone")
        if answer.status >= 300:
            answer.release()
            raise Unavailable(f"Docker answered {answer.status} to {self._path}", code="no_docker")
        return answer

    async def __aexit__(self, *exc: object) -> None:
        await self._request.__aexit__(None, None, None)
