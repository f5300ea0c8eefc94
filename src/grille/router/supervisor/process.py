"""One HAProxy process: its start, what it says, how it is told to end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import log, runtime

# Memory in pages of 2 MiB, where the kernel and glibc have them (manual of glibc, "Memory Allocation Tunables"):
# most of a request's time is waiting for memory, and much of that is looking up where a small page is.
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
KINDS = {"[ALERT]": "error", "[WARNING]": "warning", "[NOTICE]": "info"}


class HAProxy:
    """A process of HAProxy's, a child of this one.

    Args:
        command: how it is started. socket: its own runtime socket. inner: those on which it is its own client.
        group: the process group that it is put into.
    """

    def __init__(self, command: Sequence[str], socket: Path, inner: Sequence[Path], group: int) -> None:
        self.output, writer = os.pipe()
        for end in (self.output, writer):
            os.set_blocking(end, False)  # it must not stand still because nobody reads
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stderr=writer,
                process_group=group,
                bufsize=0,
                env={**os.environ, **LARGE_PAGES},
            )
        finally:
            os.close(writer)
        self.socket, self.inner = socket, inner
        self.pid, self.started = self._process.pid, time.time()
        self.alert = ""  # the first of what it complained of
        self.left = 0.0  # when it was told to stop softly
        self._line: runtime.Observer | None = None
        self._rest = b""

    def ended(self) -> bool:
        """Whether it is no more."""
        return self._process.poll() is not None

    def why(self) -> str:
        """Why it ended, in its own words where it said any."""
        self.read()
        code = self._process.returncode
        return self.alert or (f"killed by signal {-code}" if code < 0 else f"exit code {code}")

    def serves(self) -> bool:
        """Whether it is done with starting."""
        return runtime.answers(self.socket) == self.pid

    def read(self) -> bool:
        """Pass on what it said; whether it may say more."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.output, 1 << 16):
                *lines, self._rest = (self._rest + data).split(b"\n")
                for each in lines:
                    self._said(each.decode("utf-8", "replace").strip())
            return False
        return True

    def _said(self, text: str) -> None:
        kind = text.split(" ", 1)[0]
        words = text.partition(" : ")[2] if kind in KINDS else text
        if kind == "[ALERT]" and not self.alert:
            self.alert = words
        told = words.startswith("CLI : ") or (self.left and kind != "[ALERT]")  # what it was told to do, once more
        if words:
            log.write("debug" if told else KINDS.get(kind, "info"), "HAProxy says", text=words, pid=self.pid)

    def leave(self, *, keep: bool = False) -> None:
        """Tell it to take no new connection, and to end after its last; it is asked on while it does.

        Args:
            keep: let others' connections to its command line stand as long as it has anything else.
        """
        if self.left or self.ended():
            return
        with contextlib.suppress(OSError):
            self._line = runtime.Observer(self.socket)
            if not keep:
                self._line.end_others()
        self.left = time.time()
        self._process.send_signal(signal.SIGUSR1)

    def look(self) -> None:
        """See what it has left. When that is nothing but connections to its command line, these are closed."""
        with contextlib.suppress(OSError):
            if self._line is None or runtime.number(self._line.ask("show info"), "CurrConns"):
                return
            self._line.end_others()
        self._hang_up()

    def sessions(self) -> dict[str, int]:
        """The sessions left, by server; empty when it does not say."""
        with contextlib.suppress(OSError):
            if self._line is not None:
                return runtime.sessions(self._line.ask("show stat -1 4 -1"))
        return {}

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it ``number`` if it is still there."""
        if not self.ended():
            self._process.send_signal(number)

    def close(self) -> None:
        """Clean up after one that has ended (or, in need, end it)."""
        self.kill()
        self._process.wait()
        self.read()
        self._hang_up()
        os.close(self.output)
        for path in (self.socket, *self.inner):
            path.unlink(missing_ok=True)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
