"""Procfiles: ``<process type>: <command line>``, one a line; blank lines and lines that start with # are left out."""

from __future__ import annotations

from pathlib import Path

from ..wire.errors import GrilleError, InvalidValue, Unprocessable
from ..wire.names import check_process

NAME = "Procfile"


def read(app: Path) -> dict[str, str] | None:
    """The process types of the Procfile in the folder ``app``, None when there is none; raises as ``parse`` does."""
    path = app / NAME
    if not path.is_file():
        return None
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _bad(f"{NAME} is not UTF-8: byte {error.start}", "save it as UTF-8") from None


def parse(text: str) -> dict[str, str]:
    """Process types and their command lines, in the order of ``text``.

    Raises:
        Unprocessable: ``bad_procfile``, with the number of the line and the line.
    """
    processes: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        if raw.strip() and not raw.lstrip().startswith("#"):
            process, command = _parse_line(number, raw)
            if process in processes:
                raise _bad(f"{NAME} line {number}: process type {process!r} is there twice", "remove one of them")
            processes[process] = command
    return processes


def _parse_line(number: int, raw: str) -> tuple[str, str]:
    where = f"{NAME} line {number} ({raw.strip()[:120]!r})"
    process, colon, command = (part.strip() for part in raw.partition(":"))
    if not colon or not command:
        raise _bad(f"{where}: not a process type and its command", "write <type>: <command>, e.g. web: python app.py")
    if "\0" in command:
        raise _bad(f"{where}: has a NUL character", "remove it")
    try:
        return check_process(process), command
    except InvalidValue as error:
        raise _bad(f"{where}: {error.message}", error.remedy) from None


def _bad(message: str, remedy: str) -> GrilleError:
    return Unprocessable(message, remedy=remedy, code="bad_procfile")
