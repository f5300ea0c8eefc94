"""HAProxy's counters: ``show stat`` as rows. Pure.

The columns are those of the management guide of 2.6, section 9.1. Fields may be quoted and hold commas, so a csv
reader splits them, and a line whose number of fields is not the header's is left out, never shifted.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

Row = dict[str, str]
FRONTEND, BACKEND, SERVER = "0", "1", "2"  # what is in column ``type``


def rows(text: str, columns: Sequence[str] = ()) -> list[Row]:
    """The lines of an answer to ``show stat``, by the header's names.

    Args:
        columns: those wanted; all by default. One that the header does not name is left out.
    """
    lines = csv.reader(text.lstrip("# ").splitlines())
    header = next(lines, [])
    if not columns:
        return [dict(zip(header, line, strict=True)) for line in lines if line and len(line) == len(header)]
    wanted = [(name, header.index(name)) for name in columns if name in header]
    return [{name: line[at] for name, at in wanted} for line in lines if line and len(line) == len(header)]


def number(row: Row, column: str) -> int:
    """The whole number in ``column``, 0 when there is none."""
    value = row.get(column, "")
    return int(value) if value.isascii() and value.isdigit() else 0
