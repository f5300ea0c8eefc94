"""What the tests of discoverd share: a client's verbs and a reader of its event streams."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.support.daemon import Daemon

WEB = "/services/web/instances"


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until ``holds``; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def put(daemon: Daemon, ident: str, **fields: Any) -> Any:
    """Register an instance of ``web``; the answer, with its status."""
    body = {"address": "10.0.0.7", "port": 8000, "ttl": 30} | fields
    answer = daemon.call("PUT", f"{WEB}/{ident}", json.dumps(body).encode())
    assert answer.status in (200, 201, 202), answer.body
    return answer.json | {"status": answer.status}


def ids(daemon: Daemon, query: str = "") -> list[str]:
    """The ids that a find of ``web`` gives, in order."""
    return [found["id"] for found in daemon.call("GET", WEB + query, token="read").json["instances"]]


class Stream:
    """Server-sent events, read by a thread.

    Args:
        last: the Last-Event-ID to send.
        body: makes it a PUT.
    """

    def __init__(self, daemon: Daemon, target: str, *, last: str = "", body: bytes | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", daemon.port))
        head = ["Host: x", "Authorization: Bearer deploy-token", "Accept: text/event-stream"]
        head += [f"Last-Event-ID: {last}"] if last else []
        head += [f"Content-Length: {len(body)}"] if body is not None else []
        method = "GET" if body is None else "PUT"
        self._socket.sendall("\r\n".join([f"{method} {target} HTTP/1.1", *head, "", ""]).encode() + (body or b""))
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.last, self.status = "", 0

    def follow(self) -> Stream:
        """Begin to read."""
        self._thread.start()
        return self

    def _read(self) -> None:
        name = ident = ""
        with self._socket.makefile("rb") as file:
            self.status = int(file.readline().split()[1])
            for line in file:
                if line.startswith(b"event: "):
                    name, ident = line[7:].decode().strip(), self.last
                elif line.startswith(b"id: "):
                    ident = line[4:].decode().strip()
                elif line.startswith(b"data: "):
                    self.last = ident
                    self._events.put((name, json.loads(line[6:])))

    def next(self, timeout: float = 5) -> tuple[str, Any]:
        """The next event's name and data."""
        return self._events.get(timeout=timeout)

    def names(self, count: int) -> list[str]:
        """The names of the next ``count`` events, with the instance's id where there is one."""
        found = [self.next() for _ in range(count)]
        return [f"{name} {data['id']}" if data and "id" in data else name for name, data in found]

    def close(self) -> None:
        """Leave."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    @property
    def ended(self) -> bool:
        """Whether the server has ended it."""
        return not self._thread.is_alive()
