"""The supervisor: one HAProxy that serves, those before it that end, and what it is told by signals and its socket."""

from __future__ import annotations

import contextlib
import selectors
import signal
import time
from typing import Any

from ...service.settings import Settings
from ...wire.errors import GrilleError
from . import log
from .backoff import Backoff
from .control import Control
from .process import HAProxy
from .signals import Signals, Stopping
from .starting import Starter, link

SOCKET = "supervisor.sock"
LOOK = 0.5  # seconds between two looks at processes that end
LAST = 1.0  # seconds between SIGTERM and SIGKILL, when the time to end softly is over


class Supervisor:
    """Keeps one HAProxy running until it is told to stop by SIGTERM or SIGINT; SIGHUP: a hand-over."""

    def __init__(self, settings: Settings, binary: str) -> None:
        self._grace = settings.number("ROUTER_STOP_GRACE", 8.0)
        self._signals = Signals()
        self._starter = Starter(settings, binary, self._signals)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals.fd, selectors.EVENT_READ, self._signals.read)
        self._backoff = Backoff()
        self._current: HAProxy | None = None
        self._due = 0.0  # when HAProxy is to be started again, if there is none
        self._old: list[HAProxy] = []
        self._handovers, self._reason = 0, ""

    def run(self) -> int:
        """Until it is told to stop; the exit code. Raises GrilleError when HAProxy does not start at all."""
        with contextlib.suppress(Stopping):
            try:
                self._serve(self._starter.start())
                control = Control(self._starter.folder / SOCKET, self._selector, self._answer)
                try:
                    while not self._signals.stops:
                        self._turn()
                finally:
                    control.close()
            finally:
                self._end()
        return 0

    def _turn(self) -> None:
        """Wait for something, and do what is due."""
        for key, _ in self._selector.select(self._patience()):
            key.data()
        for old in [each for each in self._old if each.ended()]:
            self._old.remove(old)
            self._clear(old)
            log.info("former HAProxy ended", pid=old.pid, seconds=round(time.time() - old.left, 1))
        for old in self._old:
            old.look()
        if self._current is not None and self._current.ended():
            self._lost(self._current)
        if self._current is None and time.monotonic() >= self._due:
            self._start_again()
        if self._signals.hangup():
            self._hand_over("SIGHUP")

    def _patience(self) -> float | None:
        waits = [LOOK] if self._old else []
        if self._current is None:
            waits.append(max(0.0, self._due - time.monotonic()))
        return min(waits, default=None)

    def _serve(self, haproxy: HAProxy) -> None:
        self._current = haproxy
        self._selector.register(haproxy.output, selectors.EVENT_READ, lambda: self._hear(haproxy))
        log.info("HAProxy serves", pid=haproxy.pid, seconds=round(time.time() - haproxy.started, 3))

    def _hear(self, haproxy: HAProxy) -> None:
        if not haproxy.read():
            self._selector.unregister(haproxy.output)

    def _clear(self, haproxy: HAProxy) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(haproxy.output)
        haproxy.close()

    def _lost(self, haproxy: HAProxy) -> None:
        pause = self._backoff.after(time.time() - haproxy.started)
        log.error("HAProxy died, starting it again", pid=haproxy.pid, why=haproxy.why(), pause=pause)
        self._clear(haproxy)
        self._current, self._due = None, time.monotonic() + pause

    def _start_again(self) -> None:
        try:
            self._serve(self._starter.start())
        except GrilleError as error:
            pause = self._backoff.after(0.0)
            log.error("HAProxy does not start, trying again", error=str(error), pause=pause)
            self._due = time.monotonic() + pause

    def _hand_over(self, reason: str, *, keep: bool = False) -> dict[str, Any]:
        """Let a new HAProxy take over; what is to be answered. ``keep``: as of ``HAProxy.leave``."""
        began, old = time.monotonic(), self._current
        if old is None or old.ended():
            return {"ok": False, "error": "HAProxy does not run at present; it is being started"}
        try:
            fresh = self._starter.take_over(old)
        except GrilleError as error:
            log.error("hand-over failed, HAProxy goes on as before", reason=reason, error=str(error))
            return {"ok": False, "error": str(error)}
        self._old.append(old)
        for each in self._old:  # they stop listening on their inner sockets too, and go on connecting there
            for path, to in zip(each.inner, fresh.inner, strict=True):
                link(path, to)
        old.leave(keep=keep)
        self._serve(fresh)
        self._handovers, self._reason = self._handovers + 1, reason
        seconds = round(time.monotonic() - began, 3)
        log.info("HAProxy handed over", reason=reason, pid=fresh.pid, old=old.pid, seconds=seconds)
        return {"ok": True, "pid": fresh.pid, "seconds": seconds}

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("do") == "handover":
            return self._hand_over(str(request.get("reason", "")), keep=request.get("keep") is True)
        if request.get("do") == "status":
            return self._status()
        if request.get("do") == "sessions":
            return {"ok": True, "sessions": self._sessions()}
        return {"ok": False, "error": "do: handover, status or sessions"}

    def _status(self) -> dict[str, Any]:
        now = self._current
        return {
            "ok": True,
            "pid": now.pid if now else 0,
            "started": now.started if now else 0.0,
            "starts": self._starter.starts,
            "handovers": self._handovers,
            "handover": self._reason,
            "old": [{"pid": each.pid, "since": each.left} for each in self._old],
        }

    def _sessions(self) -> dict[str, int]:
        """Sessions by server of all processes that end."""
        found: dict[str, int] = {}
        for old in self._old:
            for name, count in old.sessions().items():
                found[name] = found.get(name, 0) + count
        return found

    def _end(self) -> None:
        """Let all HAProxys end: softly, then at once, then by force."""
        every = [*self._old, *([self._current] if self._current else [])]
        self._starter.lead_nowhere()
        for each in every:
            each.leave()
        self._await_end(every, self._grace)
        for each in every:
            each.kill(signal.SIGTERM)
        self._await_end(every, LAST)
        for each in every:
            self._clear(each)
        self._starter.close()
        log.info("HAProxy stopped", pids=[each.pid for each in every])

    def _await_end(self, every: list[HAProxy], seconds: float) -> None:
        """Wait until ``every`` one has ended, at most ``seconds``, or until told again to stop."""
        end, told = time.monotonic() + seconds, self._signals.stops
        while not all(each.ended() for each in every) and time.monotonic() < end and self._signals.stops == told:
            for each in every:
                each.read()
                if not each.ended():
                    each.look()
            with contextlib.suppress(Stopping):
                self._signals.pause(0.05)
