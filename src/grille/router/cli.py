"""HAProxy's runtime command line over its unix socket: one connection, prompt mode, commands pipelined.

Protocol: HAProxy's management guide, section 9.3. After each command come its answer, an empty line and ``> ``.
A command may have a payload: ``<<`` ends its first line, an empty line ends the payload, ``+ `` answers each line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ..wire.errors import Unavailable

PROMPT = b"\n> "
TIMEOUT = 10.0  # seconds that HAProxy has to answer one batch
BATCH = 500  # commands sent ahead of their answers
PAYLOAD = " <<\n"


def with_payload(command: str, text: str) -> str:
    """``command`` with the lines of ``text``, of which the empty ones would end it, as its payload.

    Command and payload together must fit HAProxy's buffer (16 KiB, some of it its own): what does not ends the
    connection.
    """
    return command + PAYLOAD + "".join(f"{line}\n" for line in text.splitlines() if line.strip())


class Cli(asyncio.Protocol):
    """One connection. Used by one task at a time.

    Args:
        closed: called when HAProxy closes the connection, as it does when it ends.
    """

    def __init__(self, closed: Callable[[], None] = lambda: None) -> None:
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._missing = 0
        self._answers: asyncio.Future[list[str]] | None = None
        self.lost = False

    @classmethod
    async def open(cls, path: str, closed: Callable[[], None] = lambda: None) -> Cli:
        """Connect to the socket at ``path``; raises Unavailable."""
        cli = cls(closed)
        try:
            async with asyncio.timeout(TIMEOUT):
                await asyncio.get_running_loop().create_unix_connection(lambda: cli, path)
        except (OSError, TimeoutError) as error:
            raise _unavailable(path, error) from None
        await cli.run(["prompt"])
        return cli

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def run(self, commands: Sequence[str]) -> list[str]:
        """The answer to each of ``commands``, stripped; raises Unavailable when the connection is lost."""
        answers: list[str] = []
        for start in range(0, len(commands), BATCH):
            answers += await self._batch(commands[start : start + BATCH])
        return answers

    async def _batch(self, commands: Sequence[str]) -> list[str]:
        if self.lost or self._transport is None:
            raise _unavailable("its socket", None)
        self._answers = asyncio.get_running_loop().create_future()
        self._missing = len(commands)
        self._transport.write("".join(f"{command}\n" for command in commands).encode())
        try:
            async with asyncio.timeout(TIMEOUT):
                answers = await self._answers
        except TimeoutError:
            self.close()
            raise Unavailable(f"HAProxy did not answer {len(commands)} commands in {TIMEOUT:g} s") from None
        return [_unechoed(*pair) for pair in zip(commands, answers, strict=False)]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands (asyncio)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A part of the answers came (asyncio)."""
        self._buffer += data
        if self._answers is None or self._answers.done() or not self._buffer.endswith(PROMPT):
            return
        if self._buffer.count(PROMPT) >= self._missing:
            answers = bytes(self._buffer).decode("utf-8", "replace").split(PROMPT.decode())[:-1]
            self._buffer.clear()
            self._answers.set_result([answer.strip() for answer in answers])

    def connection_lost(self, exc: Exception | None) -> None:
        """HAProxy is gone, or the connection was closed here (asyncio)."""
        self.lost = True
        if self._answers is not None and not self._answers.done():
            self._answers.set_exception(_unavailable("its socket", exc))
        self._closed()


def _unechoed(command: str, answer: str) -> str:
    """``answer`` without what HAProxy echoes of the command's payload."""
    return answer.lstrip("+ ") if PAYLOAD in command else answer


def _unavailable(where: str, error: Exception | None) -> Unavailable:
    detail = f": {error}" if error is not None and str(error) else ""
    return Unavailable(f"HAProxy does not answer at {where}{detail}", remedy="see docker logs grille-haproxy")
