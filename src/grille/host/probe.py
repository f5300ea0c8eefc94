"""One health check: a TCP connect or an HTTP GET, to an address and port, within a time."""

from __future__ import annotations

import asyncio

from ..wire.specs import Health

LINE_LIMIT = 4096


async def probe(health: Health, address: str, port: int) -> bool:
    """Whether the check passes: a connection is accepted, or a GET of ``health.path`` gives 2xx or 3xx."""
    try:
        async with asyncio.timeout(health.timeout):
            reader, writer = await asyncio.open_connection(address, port, limit=LINE_LIMIT)
            try:
                return True if health.type == "tcp" else await _get(reader, writer, health.path, address)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, host: str) -> bool:
    """Send a GET (HTTP/1.1, RFC 9112) and read the status line; the rest does not matter."""
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: grille-health\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    words = (await reader.readline()).split(None, 2)
    return len(words) >= 2 and words[0].startswith(b"HTTP/") and words[1].isdigit() and 200 <= int(words[1]) < 400
