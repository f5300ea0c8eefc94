"""One check: a TCP connect, or an HTTP GET that does not follow redirects, within a time."""

from __future__ import annotations

import asyncio
import os
import socket

from ...wire.discovery import Outside
from .health import timeout

LINE_MOST = 4096  # bytes of a status line


async def probe(record: Outside) -> str:
    """Why the check fails, in a few words; empty when it passes."""
    limit = timeout(record.check)
    try:
        async with asyncio.timeout(limit):
            return await _ask(record)
    except TimeoutError:
        return f"no answer within {limit:g} s"
    except socket.gaierror:
        return f"{record.instance.address} does not resolve"
    except OSError as error:
        return os.strerror(error.errno).lower() if error.errno else str(error)[:200]
    except ValueError:  # a line too long, a name that no resolver takes
        return "no HTTP answer" if record.check.type == "http" else "the address cannot be used"


async def _ask(record: Outside) -> str:
    address, port = record.instance.address, record.instance.port
    reader, writer = await asyncio.open_connection(address, port, limit=LINE_MOST)
    try:
        if record.check.type == "tcp":
            return ""
        writer.write(_request(record))
        return _answer(await reader.readline())
    finally:
        writer.close()


def _request(record: Outside) -> bytes:
    """A GET in HTTP/1.1 (RFC 9112, 3)."""
    address, port = record.instance.address, record.instance.port
    host = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    lines = [f"GET {record.check.path} HTTP/1.1", f"Host: {host}", "User-Agent: grille-check", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode()


def _answer(line: bytes) -> str:
    """What a status line (RFC 9112, 4) means: empty for 200 to 399."""
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return "no HTTP answer"
    return "" if 200 <= int(words[1]) < 400 else f"HTTP status {int(words[1])}"
