"""Docker's logs as lines with a cursor: the time of the last line, to the nanosecond."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..wire.errors import InvalidValue
from .engine import timestamp
from .streams import Streams

PAGE = 2000  # lines in one answer
CURSOR = re.compile(r"[0-9]{1,12}\.[0-9]{9}\Z")
GATHER = 0.05  # seconds that more lines may follow the first one waited for


@dataclass(frozen=True)
class Line:
    """One line of a job's output. ``time``: seconds since the epoch."""

    stream: str
    text: str
    time: float


def parse(stream: str, data: bytes) -> tuple[Line, str]:
    """A log entry with Docker's timestamp before it, as a line and the cursor after it."""
    stamp, _, text = data.decode("utf-8", "replace").partition(" ")
    return Line(stream, text.rstrip("\r\n"), timestamp(stamp)), cursor_after(stamp)


def cursor_after(stamp: str) -> str:
    """The ``since`` for lines after the one stamped ``stamp`` (Docker's ``since`` includes its own instant)."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    nanos = int(timestamp(whole + "Z")) * 10**9 + int(fraction.ljust(9, "0")[:9] or 0) + 1
    return f"{nanos // 10**9}.{nanos % 10**9:09d}"


def check_cursor(cursor: str) -> str:
    """``cursor`` if it is one that an answer gave, or empty; raises InvalidValue."""
    if cursor and not CURSOR.match(cursor):
        raise InvalidValue(f"cursor {cursor!r} is not valid", remedy="send the cursor of the answer before, or none")
    return cursor


async def read(streams: Streams, job: str, cursor: str, tail: int) -> tuple[list[Line], str]:
    """The lines after ``cursor`` that are there now, at most PAGE, and the cursor after them."""
    lines: list[Line] = []
    async for stream, data in streams.logs(job, since=cursor, tail=tail, follow=False):
        line, cursor = parse(stream, data)
        lines.append(line)
        if len(lines) == PAGE:
            break
    return lines, cursor


async def wait(streams: Streams, job: str, cursor: str, seconds: float) -> tuple[list[Line], str]:
    """The first lines after ``cursor``, waited for at most ``seconds``."""
    lines: list[Line] = []
    follow = streams.logs(job, since=cursor, tail=0, follow=True)
    try:
        async with asyncio.timeout(seconds) as limit:
            async for stream, data in follow:
                line, cursor = parse(stream, data)
                lines.append(line)
                if len(lines) == 1:
                    limit.reschedule(asyncio.get_running_loop().time() + GATHER)
                if len(lines) == PAGE:
                    break
    except TimeoutError:
        pass
    return lines, cursor


async def follow(streams: Streams, job: str, cursor: str, tail: int) -> AsyncIterator[tuple[Line, str]]:
    """Lines and the cursors after them, until the container ends."""
    async for stream, data in streams.logs(job, since=cursor, tail=tail, follow=True):
        yield parse(stream, data)
