"""HAProxy's runtime socket, as far as the supervisor needs it: who answers there, and what sessions are left.

Protocol: HAProxy's management guide, section 9.3.
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

TIMEOUT = 1.0
PROMPT = b"\n> "


class Line:
    """One connection that stays: what a process that was told to stop softly still answers on. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        try:
            self._socket.connect(str(path))
            self.ask("prompt")
        except OSError:
            self._socket.close()
            raise

    def ask(self, command: str) -> str:
        """The answer to ``command``; raises OSError, also when none came within TIMEOUT."""
        self._socket.sendall(command.encode() + b"\n")
        answer = bytearray()
        while not answer.endswith(PROMPT):
            part = self._socket.recv(1 << 16)
            if not part:
                raise ConnectionResetError("HAProxy closed the connection")
            answer += part
        return answer[: -len(PROMPT)].decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class Observer(Line):
    """A connection that can tell itself from the others to the same process."""

    def __init__(self, path: Path) -> None:
        with contextlib.closing(Line(path)) as other:
            before = command_lines(other.ask("show sess"))
            super().__init__(path)
        self._own = set(command_lines(self.ask("show sess"))) - set(before)

    def end_others(self) -> None:
        """Close all other connections to the process's command line: who follows HAProxy is to find the next one."""
        for each in command_lines(self.ask("show sess")):
            if each not in self._own:
                self.ask(f"shutdown session {each}")


def command_lines(listed: str) -> list[str]:
    """The sessions that are connections to the command line, in an answer to ``show sess``."""
    return [line.partition(":")[0] for line in listed.splitlines() if " fe=GLOBAL " in line]


def answers(path: Path) -> int:
    """The pid of the process that answers at ``path``; 0 when none does."""
    with contextlib.suppress(OSError), contextlib.closing(Line(path)) as line:
        return number(line.ask("show info"), "Pid")
    return 0


def number(info: str, name: str) -> int:
    """The number called ``name`` in an answer to ``show info``; 0 when it is not there."""
    found = next((each.partition(":")[2] for each in info.splitlines() if each.startswith(f"{name}:")), "0")
    return int(found)


def sessions(stat: str) -> dict[str, int]:
    """The sessions of each server that has any, in an answer to ``show stat``; of one in two backends, their sum."""
    header, *lines = stat.removeprefix("# ").splitlines() or [""]
    columns = header.split(",")
    if "scur" not in columns:
        return {}
    name, current = columns.index("svname"), columns.index("scur")
    found: dict[str, int] = {}
    for line in lines:
        cells = line.split(",", current + 1)
        if len(cells) > current and cells[current].isdigit() and cells[current] != "0":
            found[cells[name]] = found.get(cells[name], 0) + int(cells[current])
    return found
