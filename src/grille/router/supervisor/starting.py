"""A HAProxy from nothing to serving, or taking over from another; which one ``haproxy.sock`` leads to."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from ...service.settings import Settings
from ...wire.errors import Failed, GrilleError, InvalidValue
from . import laying, log
from .forked import forked
from .leash import Leash
from .process import HAProxy
from .signals import Signals

SOCKET = "haproxy.sock"  # a link to the socket of the process that serves
STATE = "state.json"  # as the daemon calls it (``saved.FILE``)
OWN = "process.cfg"
LONGEST_START = 60.0  # seconds
STEP = 0.01
LONGEST_END = 86400  # seconds that an old process may take after a hand-over: the longest idle timeout of a route


class Starter:
    """Starts HAProxy processes, one after another, each with a runtime socket of its own."""

    def __init__(self, settings: Settings, binary: str, signals: Signals) -> None:
        self.folder = Path(settings.text("DATA", laying.DATA))
        self._settings, self._binary, self._signals = settings, binary, signals
        self._longest = max(1, settings.integer("ROUTER_HANDOVER_MAX", LONGEST_END))
        self.starts = 0
        self.folder.mkdir(parents=True, exist_ok=True)
        for left_over in self.folder.glob("haproxy-*.sock"):
            left_over.unlink()
        self._leash = Leash()

    def start(self) -> HAProxy:
        """One that serves what was saved; nothing, when it does not start with that.

        Raises:
            Failed: it does not start with nothing either. Stopping: the supervisor was told to stop.
        """
        try:
            return self._attempt(empty=False)
        except GrilleError as error:
            if error.code == laying.SETTING or not (self.folder / STATE).exists():
                raise
            log.error("HAProxy does not start with what was saved, starting empty", error=error.message)
        return self._attempt(empty=True)

    def take_over(self, old: HAProxy) -> HAProxy:
        """One that serves beside ``old``, on its sockets; raises Failed, and ``old`` goes on, or Stopping."""
        path = self._lay(empty=False)
        wrong = check(self._binary, [path, self._own(self._socket(self.starts + 1))])
        if wrong:
            raise InvalidValue(f"HAProxy does not accept {path}: {wrong}")
        return self._run(path, "-x", str(old.socket))

    def close(self) -> None:
        """Let the leash go; no HAProxy may be left."""
        self._leash.close()

    def lead_nowhere(self) -> None:
        """Let nobody find a HAProxy that is about to end."""
        (self.folder / SOCKET).unlink(missing_ok=True)

    def _attempt(self, *, empty: bool) -> HAProxy:
        return self._run(self._lay(empty=empty))

    def _lay(self, *, empty: bool) -> Path:
        return Path(forked(lambda: laying.lay(self._settings, empty=empty)))

    def _run(self, path: Path, *more: str) -> HAProxy:
        self.starts += 1
        socket = self._socket(self.starts)
        command = [self._binary, "-db", "-f", str(path), "-f", str(self._own(socket)), *more]
        haproxy = HAProxy(command, socket, self._leash.group())
        try:
            self._wait(haproxy)
            self._lead_to(haproxy)
        except BaseException:
            haproxy.close()
            raise
        return haproxy

    def _wait(self, haproxy: HAProxy) -> None:
        end = time.monotonic() + LONGEST_START
        while not haproxy.serves():
            if haproxy.ended():
                raise Failed(f"HAProxy does not start: {haproxy.why()}", remedy="see the GRILLE_ROUTER_ settings")
            if time.monotonic() > end:
                raise Failed(f"HAProxy did not serve within {LONGEST_START:g} s")
            haproxy.read()
            self._signals.pause(STEP)

    def _lead_to(self, haproxy: HAProxy) -> None:
        fresh = self.folder / f".{SOCKET}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(haproxy.socket.name)
        os.replace(fresh, self.folder / SOCKET)

    def _own(self, socket: Path) -> Path:
        path = self.folder / OWN
        path.write_text(laying.own(socket, self._longest), encoding="utf-8")
        return path

    def _socket(self, number: int) -> Path:
        return self.folder / f"haproxy-{number}.sock"


def check(binary: str, paths: list[Path]) -> str:
    """What HAProxy says against the configuration in ``paths``; an empty string when it is fine."""
    files = [word for path in paths for word in ("-f", str(path))]
    done = subprocess.run([binary, "-c", *files], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    alerts = [line for line in done.stderr.splitlines() if line.startswith("[ALERT]")]
    return alerts[0].partition(" : ")[2] if alerts else f"exit code {done.returncode}"
