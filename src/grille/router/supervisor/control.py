"""The supervisor's socket: one JSON object a line in, one out. Only root can connect."""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONGEST = 4096  # bytes of a request
Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Control:
    """Serves ``path``; selector's data are what to call when a socket can be read.

    Args:
        answer: makes the answer to a request; while it works, other requests wait.
    """

    def __init__(self, path: Path, selector: selectors.BaseSelector, answer: Answer) -> None:
        self._path, self._selector, self._answer = path, selector, answer
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(before)
        self._socket.listen(16)
        self._socket.setblocking(False)
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Serve no more."""
        self._selector.unregister(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            peer, _ = self._socket.accept()
            peer.settimeout(1.0)
            data = bytearray()
            self._selector.register(peer, selectors.EVENT_READ, lambda: self._read(peer, data))

    def _read(self, peer: socket.socket, data: bytearray) -> None:
        with contextlib.suppress(OSError):
            part = peer.recv(LONGEST)
            data += part
            if part and b"\n" not in data and len(data) < LONGEST:
                return
            if part and not _gone(peer):
                peer.sendall(json.dumps(self._reply(bytes(data))).encode() + b"\n")
        self._selector.unregister(peer)
        peer.close()

    def _reply(self, data: bytes) -> dict[str, Any]:
        try:
            request = json.loads(data.partition(b"\n")[0])
        except ValueError:
            request = None
        if not isinstance(request, dict):
            return {"ok": False, "error": 'a request is a line like {"do": "status"}'}
        return self._answer(request)


def _gone(peer: socket.socket) -> bool:
    """Whether ``peer`` waits for no answer any more."""
    readable, _, _ = select.select([peer], [], [], 0)
    return bool(readable) and not peer.recv(1, socket.MSG_PEEK)
