"""Websocket frames made and read by hand (RFC 6455, section 5), for what no well-behaved client sends."""

from __future__ import annotations

import asyncio
import os
import struct
from dataclasses import dataclass

from tests.services.router.features.client import WAIT, Wire, get

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = "x3JJHMbDL1EzLkh9GBhXDw=="
ACCEPT = "HSmrc0sMlYUkAGmm5OPpG2HaGWk="  # what RFC 6455, section 1.3, makes of KEY


@dataclass(frozen=True)
class Case:
    """What a client sends, in pieces; ``slowly``: byte by byte."""

    name: str
    pieces: tuple[bytes, ...]
    slowly: bool = False


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, mask: bool = True) -> bytes:
    """The bytes of one frame from a client."""
    first, bit, size = (fin << 7) | (reserved << 4) | opcode, mask << 7, len(payload)
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    whole = (key * (size // 4 + 1))[:size]
    return head + key + (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")


async def shake(wire: Wire, host: str) -> None:
    """The opening handshake."""
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13")
    reply = await wire.ask(get(host, "/echo", *upgrade))
    assert (reply.status, reply.header("sec-websocket-accept")) == (101, ACCEPT)


async def transcript(wire: Wire, case: Case) -> list[tuple[int, bool, bytes]]:
    """What the server sends (opcode, fin, payload) until it closes; a close is asked for at the end."""
    whole = b"".join(case.pieces) + frame(CLOSE, struct.pack("!H", 1000))
    for piece in [bytes([byte]) for byte in whole] if case.slowly else [whole]:
        wire.send(piece)
        if case.slowly:
            await asyncio.sleep(0.002)
    found = []
    async with asyncio.timeout(WAIT):
        try:
            while True:
                found.append(await _read(wire.reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            return found


async def _read(reader: asyncio.StreamReader) -> tuple[int, bool, bytes]:
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        size = struct.unpack("!H", await reader.readexactly(2))[0]
    elif size == 127:
        size = struct.unpack("!Q", await reader.readexactly(8))[0]
    return first & 0x0F, bool(first & 0x80), await reader.readexactly(size)


def _close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


SIZES = (0, 1, 125, 126, 127, 65535, 65536, 1 << 20)
GOOD_CODES = (1000, 1001, 1003, 1011, 3000, 4999)
BAD_CODES = (0, 999, 1004, 1005, 1006, 1015, 2999, 5000)
CASES = [
    *(Case(f"text {size}", (frame(TEXT, b"*" * size),)) for size in SIZES),
    *(Case(f"binary {size}", (frame(BINARY, bytes([0xFE]) * size),)) for size in SIZES),
    Case("text byte by byte", (frame(TEXT, "κόσμε".encode()),), slowly=True),
    Case("ping", (frame(PING, b"hello"),)),
    Case("ping empty", (frame(PING),)),
    Case("ping 125", (frame(PING, bytes(125)),)),
    Case("ping 126", (frame(PING, bytes(126)),)),
    Case("pings", tuple(frame(PING, str(number).encode()) for number in range(10))),
    Case("pong unasked", (frame(PONG, b"x"), frame(PING, b"y"))),
    *(Case(f"reserved bits {bits}", (frame(TEXT, b"a"), frame(TEXT, b"b", reserved=bits))) for bits in range(1, 8)),
    *(Case(f"opcode {code}", (frame(TEXT, b"a"), frame(code, b"b"))) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    Case("fragments", (frame(TEXT, b"a", fin=False), frame(0, b"b", fin=False), frame(0, b"c"))),
    Case("fragments, empty", (frame(TEXT, b"", fin=False), frame(0, b"", fin=False), frame(0, b""))),
    Case("ping among fragments", (frame(TEXT, b"a", fin=False), frame(PING, b"p"), frame(0, b"b"))),
    Case("fragments byte by byte", (frame(TEXT, b"a", fin=False), frame(PING, b"p"), frame(0, b"b")), slowly=True),
    Case("fragmented ping", (frame(PING, b"a", fin=False), frame(0, b"b"))),
    Case("continuation of nothing", (frame(0, b"a"), frame(TEXT, b"b"))),
    Case("text among fragments", (frame(TEXT, b"a", fin=False), frame(TEXT, b"b"))),
    Case("character cut in two", (frame(TEXT, b"\xce", fin=False), frame(0, b"\xba"))),
    Case("text that is no UTF-8", (frame(TEXT, b"\xed\xa0\x80"),)),
    Case("no UTF-8 across fragments", (frame(TEXT, b"\xf4", fin=False), frame(0, b"\x90\x80\x80"))),
    Case("not masked", (frame(TEXT, b"a", mask=False),)),
    Case("close without code", (frame(CLOSE),)),
    Case("close of one byte", (frame(CLOSE, b"\x03"),)),
    Case("close with a long reason", (_close(1000, b"r" * 123),)),
    Case("close with too long a reason", (_close(1000, b"r" * 124),)),
    Case("close with no UTF-8", (_close(1000, b"\xff\xfe"),)),
    *(Case(f"close {code}", (_close(code),)) for code in (*GOOD_CODES, *BAD_CODES)),
    Case("text after close", (_close(1000), frame(TEXT, b"a"))),
]
