"""Objects on their way in and out: a request's body into an upload, an object into a response."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from email.utils import formatdate

from aiohttp import StreamReader, web

from ..wire.errors import GrilleError, InvalidValue, TimedOut
from ..wire.names import check_digest
from .backend import Reader, Upload
from .ranges import reply

BLOCK = 1024 * 1024  # bytes handed to a thread at once
SILENCE = 60.0  # seconds that an uploading client may send nothing
PATIENCE = 600.0  # seconds that the body of a refused upload is read and thrown away


def wanted_digest(headers: Mapping[str, str]) -> str:
    """The sha256 that the client says the body has (X-Content-SHA256, or Digest of RFC 3230), or an empty string.

    Raises:
        InvalidValue: a header that is no sha256.
    """
    if "X-Content-SHA256" in headers:
        return check_digest(headers["X-Content-SHA256"].strip().lower())
    if "Digest" not in headers:
        return ""
    for word in headers["Digest"].split(","):
        algorithm, _, value = word.strip().partition("=")
        if algorithm.lower() == "sha-256":
            return _from_base64(value)
    raise InvalidValue("the Digest header has no sha-256", remedy="send Digest: sha-256=<base64>, or none")


def _from_base64(value: str) -> str:
    try:
        return check_digest(base64.b64decode(value, validate=True).hex())
    except (binascii.Error, InvalidValue):
        raise InvalidValue("the Digest header's sha-256 is not the base64 of 32 bytes") from None


async def receive(content: StreamReader, upload: Upload) -> None:
    """Write a request's body to ``upload``: one block is written while the next one arrives."""
    writing: asyncio.Task[None] | None = None
    try:
        async for block in _blocks(content):
            if writing is not None:
                await writing
            writing = asyncio.create_task(_write(upload, block))
    finally:
        if writing is not None:
            await writing


async def discard(content: StreamReader) -> None:
    """Read the rest of a body that is refused, for PATIENCE seconds at most."""
    with contextlib.suppress(TimeoutError, TimedOut):
        async with asyncio.timeout(PATIENCE):
            while await _part(content):
                pass


async def _write(upload: Upload, block: bytes) -> None:
    await upload.write(block)


async def _blocks(content: StreamReader) -> AsyncIterator[bytes]:
    parts: list[bytes] = []
    size = 0
    while part := await _part(content):
        parts.append(part)
        size += len(part)
        if size >= BLOCK:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


async def _part(content: StreamReader) -> bytes:
    try:
        async with asyncio.timeout(SILENCE):
            return await content.readany()
    except TimeoutError:
        raise TimedOut(f"the client sent nothing for {SILENCE:g} s", remedy="send the object again") from None


async def send(request: web.Request, reader: Reader) -> web.StreamResponse:
    """Answer a GET or HEAD with the object, a part of it, or with the reason why neither is sent."""
    stored = reader.stored
    answer = reply(request.headers, stored.sha256, stored.size)
    headers = {
        "ETag": f'"{stored.sha256}"',
        "Accept-Ranges": "bytes",
        "Last-Modified": formatdate(reader.modified, usegmt=True),
        "Date": formatdate(time.time(), usegmt=True),
    }
    if answer.status == 304:
        return web.Response(status=304, headers=headers)
    if answer.status == 412:
        failed = GrilleError(f"object {stored.path!r} is not the one that If-Match names", code="precondition_failed")
        failed.status = 412
        raise failed
    if answer.status == 416:
        headers["Content-Range"] = f"bytes */{stored.size}"
        return web.Response(status=416, headers=headers)
    if answer.status == 206:
        headers["Content-Range"] = f"bytes {answer.start}-{answer.start + answer.count - 1}/{stored.size}"
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_type = "application/octet-stream"
    response.content_length = answer.count
    await response.prepare(request)
    if request.method != "HEAD" and answer.count:
        await reader.send(request, answer.start, answer.count)
    await response.write_eof()
    return response
