"""What a job writes, over HTTP: pages of lines with a cursor, lines as they come, and a websocket to its stdin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
from aiohttp import web

from ..codec import plain
from ..service.http import answer, not_found, seconds
from ..wire.errors import GrilleError, InvalidValue, NotFound, Unavailable
from . import logs as pages
from .agent import Agent
from .logs import PAGE, Line
from .streams import API
from .worker import Worker

POLL = 0.2
WAIT_MOST = 60.0
TAIL_MOST = 10000


class Output:
    """Handlers for logs and attach."""

    def __init__(self, agent: Agent) -> None:
        self._agent, self._streams = agent, agent.streams

    async def logs(self, request: web.Request) -> web.StreamResponse:
        """``{"lines", "cursor", "done"}``; with ``follow=1`` JSON lines until the job ends."""
        worker = self._worker(request)
        cursor = pages.check_cursor(request.query.get("cursor", ""))
        tail = _tail(request)
        if request.query.get("follow") == "1":
            return await self._send(request, worker, cursor, tail)
        wait = seconds(request, "wait", 0.0, WAIT_MOST)
        ended = worker.ended
        lines, after = await self._read(worker, cursor, tail)
        if not lines and not ended and wait:
            lines, after = await self._wait(worker, cursor, wait)
        return answer({"lines": lines, "cursor": after, "done": ended and len(lines) < PAGE})

    async def _read(self, worker: Worker, cursor: str, tail: int) -> tuple[list[Line], str]:
        try:
            return await pages.read(self._streams, worker.spec.id, cursor, tail)
        except NotFound:
            return [], cursor

    async def _wait(self, worker: Worker, cursor: str, wait: float) -> tuple[list[Line], str]:
        """The first lines that come, also those of a container yet to be made or restarted."""
        end = asyncio.get_running_loop().time() + wait
        while (left := end - asyncio.get_running_loop().time()) > 0 and not worker.ended:
            try:
                lines, after = await pages.wait(self._streams, worker.spec.id, cursor, left)
            except NotFound:
                lines, after = [], cursor
            if lines:
                return lines, after
            await asyncio.sleep(min(POLL, left))
        return [], cursor

    async def _send(self, request: web.Request, worker: Worker, cursor: str, tail: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
        await response.prepare(request)
        with suppress(ConnectionResetError, Unavailable):
            async for line in self._follow(worker, cursor, tail):
                await response.write(json.dumps(plain(line)).encode() + b"\n")
            await response.write_eof()
        return response

    async def _follow(self, worker: Worker, cursor: str, tail: int) -> AsyncIterator[Line]:
        """All lines until the job has ended, over restarts of its container."""
        while True:
            ended = worker.ended
            with suppress(NotFound):
                async for line, after in pages.follow(self._streams, worker.spec.id, cursor, tail):
                    cursor = after
                    yield line
            if ended:
                return
            tail = 0
            await asyncio.sleep(POLL)

    async def attach(self, request: web.Request) -> web.StreamResponse:
        """A websocket to the container: what it writes (the past too), and, if it was made so, its stdin."""
        worker = self._worker(request)
        if worker.container is None or not worker.container.running:
            raise GrilleError(f"job {worker.spec.id} does not run", remedy="wait until it runs, or read its logs")
        url = f"{API}/containers/{worker.spec.id}/attach/ws?stream=1&logs=1&stdout=1&stderr=1&stdin=1"
        try:
            inside = await self._streams.session.ws_connect(url, max_msg_size=0)
        except aiohttp.ClientError as error:
            raise Unavailable(f"Docker did not attach: {error}") from None
        outside = web.WebSocketResponse(max_msg_size=0, heartbeat=30)
        async with inside:
            await outside.prepare(request)
            tasks = [asyncio.create_task(_pump(inside, outside)), asyncio.create_task(_pump(outside, inside))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await outside.close()
        return outside

    def _worker(self, request: web.Request) -> Worker:
        name = request.match_info["job"]
        worker = self._agent.workers.get(name)
        if worker is None:
            raise not_found("job", name, "see GET /jobs")
        return worker


Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


async def _pump(source: Socket, target: Socket) -> None:
    async for message in source:
        if message.type == aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type == aiohttp.WSMsgType.TEXT:
            await target.send_bytes(message.data.encode())


def _tail(request: web.Request) -> int:
    raw = request.query.get("tail", "0")
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 9) or int(raw) > TAIL_MOST:
        raise InvalidValue(f"tail={raw} is not valid", remedy=f"use a number of lines up to {TAIL_MOST}")
    return int(raw)
