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
INNER = ("hold", "tls")  # the sockets on which a HAProxy is its own client, as ``render`` calls them
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
        self.starts += 1
        files = self._lay(empty=False)
        wrong = check(self._binary, files)
        if wrong:
            raise InvalidValue(f"HAProxy does not accept {files[0]}: {wrong}")
        return self._run(files, "-x", str(old.socket))

    def close(self) -> None:
        """Let the leash go; no HAProxy may be left."""
        self._leash.close()

    def lead_nowhere(self) -> None:
        """Let nobody find a HAProxy that is about to end."""
        (self.folder / SOCKET).unlink(missing_ok=True)

    def _attempt(self, *, empty: bool) -> HAProxy:
        self.starts += 1
        return self._run(self._lay(empty=empty))

    def _lay(self, *, empty: bool) -> list[Path]:
        """Lay the files that the next HAProxy is started with."""
        generation = f"-{self.starts}"
        path = forked(lambda: laying.lay(self._settings, generation=generation, empty=empty))
        own = self.folder / OWN
        own.write_text(laying.own(self._socket(), self._longest), encoding="utf-8")
        return [Path(path), own]

    def _socket(self) -> Path:
        return self.folder / f"haproxy-{self.starts}.sock"

    def _run(self, files: list[Path], *more: str) -> HAProxy:
        command = [self._binary, "-db", *(word for path in files for word in ("-f", str(path))), *more]
        inner = [self.folder / f"{name}-{self.starts}.sock" for name in INNER]
        haproxy = HAProxy(command, self._socket(), inner, self._leash.group())
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
        link(self.folder / SOCKET, haproxy.socket)


def link(path: Path, to: Path) -> None:
    """Let ``path`` lead to its neighbour ``to``, whatever it was; at no moment to nothing."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(to.name)
    os.replace(fresh, path)


def check(binary: str, paths: list[Path]) -> str:
    """What HAProxy says against the configuration in ``paths``; an empty string when it is fine."""
    files = [word for path in paths for word in ("-f", str(path))]
    done = subprocess.run([binary, "-c", *files], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    alerts = [line for line in done.stderr.splitlines() if line.startswith("[ALERT]")]
    return alerts[0].partition(" : ")[2] if alerts else f"exit code {done.returncode}"
