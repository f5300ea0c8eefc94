"""A load generator for DNS over UDP: at a rate, or as fast as answers come."""

from __future__ import annotations

import random
import select
import socket
import statistics
import time
from dataclasses import dataclass

LOST = 1.0  # seconds after which a query counts as unanswered


@dataclass
class Load:
    """What a load generator saw: answers a second, seconds of each, queries lost, answers that were errors."""

    rate: float
    latencies: list[float]
    lost: int
    errors: int

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return 1000 * statistics.quantiles(self.latencies, n=1000)[round(share * 10) - 1]


class Client:
    """Queries under way, by ID."""

    def __init__(self, port: int, queries: list[bytes]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._queries = random.Random(1).choices(queries, k=65536)
        self._due: dict[int, float] = {}
        self._sent = self.errors = 0
        self.latencies: list[float] = []

    @property
    def waiting(self) -> int:
        return len(self._due)

    def send(self, due: float) -> None:
        ident = self._sent & 0xFFFF
        self._sent += 1
        self._due[ident] = due
        self._socket.send(ident.to_bytes(2, "big") + self._queries[ident])

    def receive(self, timeout: float) -> None:
        """Take in what has come, waiting for the first at most ``timeout`` seconds."""
        if timeout > 0 and not select.select([self._socket], [], [], timeout)[0]:
            return
        while True:
            try:
                answer = self._socket.recv(4096)
            except BlockingIOError:
                return
            due = self._due.pop(int.from_bytes(answer[:2], "big"), None)
            if due is not None:
                self.latencies.append(time.perf_counter() - due)
                self.errors += answer[3] & 15 != 0 or answer[7] == 0

    def finish(self, seconds: float) -> Load:
        """Wait for what is still under way."""
        end = time.perf_counter() + LOST
        while self._due and time.perf_counter() < end:
            self.receive(0.05)
        self._socket.close()
        return Load(len(self.latencies) / seconds, self.latencies, len(self._due), self.errors)


def paced(port: int, queries: list[bytes], seconds: float, rate: int) -> Load:
    """``rate`` queries a second, whether answers come or not."""
    client, start = Client(port, queries), time.perf_counter()
    for at in range(int(rate * seconds)):
        due = start + at / rate
        while (left := due - time.perf_counter()) > 0:
            client.receive(left)
        client.send(due)
        client.receive(0)
    return client.finish(seconds)


def saturated(port: int, queries: list[bytes], seconds: float, window: int) -> Load:
    """``window`` queries under way at any time."""
    client, start = Client(port, queries), time.perf_counter()
    while (now := time.perf_counter()) - start < seconds:
        while client.waiting < window:
            client.send(now)
        client.receive(0.1)
    return client.finish(seconds)
