"""Signals as something to wait for, beside sockets and pipes."""

from __future__ import annotations

import os
import select
import signal

STOP = frozenset({signal.SIGTERM, signal.SIGINT})
CAUGHT = (*STOP, signal.SIGHUP, signal.SIGCHLD)


class Stopping(Exception):  # not an error: nobody sees it
    """The supervisor was told to stop while it waited for something else."""


class Signals:
    """Catches CAUGHT, and remembers them until they are taken. ``fd`` can be read when there is news."""

    def __init__(self) -> None:
        self.fd, writer = os.pipe()
        for end in (self.fd, writer):
            os.set_blocking(end, False)
        self.stops = 0  # how often it was told to stop
        self._hangup = False
        for number in CAUGHT:
            signal.signal(number, _noted)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def read(self) -> None:
        """Take in what came; call it when ``fd`` is readable, or at any time."""
        try:
            numbers = os.read(self.fd, 4096)
        except BlockingIOError:
            return
        self.stops += sum(number in STOP for number in numbers)
        self._hangup |= signal.SIGHUP in numbers

    def hangup(self) -> bool:
        """Whether SIGHUP came since this was last asked."""
        came, self._hangup = self._hangup, False
        return came

    def pause(self, seconds: float) -> None:
        """Wait for ``seconds``, or less when a signal comes; raises Stopping once it was told to stop."""
        select.select([self.fd], [], [], max(0.0, seconds))
        self.read()
        if self.stops:
            raise Stopping


def forget() -> None:
    """Undo all of it, in a child."""
    signal.set_wakeup_fd(-1)
    for number in CAUGHT:
        signal.signal(number, signal.SIG_DFL)


def _noted(number: int, frame: object) -> None:
    """Nothing: the number is in the pipe already."""
