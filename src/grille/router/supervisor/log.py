"""Lines of log in the form of the other bricks' (JSON, on stderr), without the library that costs 15 MiB."""

from __future__ import annotations

import json
import sys
import time

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_least = [LEVELS["info"]]


def configure(level: str) -> None:
    """Leave out what is below ``level``: debug, info, warning or error; anything else means info."""
    _least[0] = LEVELS.get(level.lower(), LEVELS["info"])


def line(level: str, event: str, fields: dict[str, object], now: float) -> str:
    """One line of log; ``now`` in seconds since the epoch."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
    return json.dumps({**fields, "event": event, "brick": "haproxy", "level": level, "timestamp": moment}, default=str)


def write(level: str, event: str, **fields: object) -> None:
    """Log ``event`` with ``fields``."""
    if LEVELS[level] >= _least[0]:
        print(line(level, event, fields, time.time()), file=sys.stderr, flush=True)


def info(event: str, **fields: object) -> None:
    """Log what is as it should be."""
    write("info", event, **fields)


def warning(event: str, **fields: object) -> None:
    """Log what somebody may want to look at."""
    write("warning", event, **fields)


def error(event: str, **fields: object) -> None:
    """Log what somebody has to look at."""
    write("error", event, **fields)
