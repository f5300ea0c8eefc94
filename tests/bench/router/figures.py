"""Figures: percentiles, ratios, tables and plots of text. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of ``values`` do not exceed: the nearest rank; NaN of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The median; NaN of none."""
    return statistics.median(values) if values else math.nan


def table(rows: Sequence[Sequence[object]]) -> str:
    """``rows`` in columns, the first row being the head; numbers to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in texts) for at in range(len(texts[0]))]
    lines = []
    for row, cells in zip(texts, rows, strict=True):
        parts = [
            text.ljust(width) if isinstance(cell, str) and at == 0 else text.rjust(width)
            for at, (text, width, cell) in enumerate(zip(row, widths, cells, strict=True))
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def bars(points: Sequence[tuple[str, float]], width: int = 50) -> str:
    """A plot of text: a bar for each point, the longest ``width`` wide."""
    most = max((value for _, value in points), default=0.0) or 1.0
    label = max((len(name) for name, _ in points), default=0)
    return "\n".join(f"{name:>{label}} {value:9.2f} {'#' * round(width * value / most)}" for name, value in points)


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return "-" if math.isnan(cell) else f"{cell:.2f}" if abs(cell) < 1000 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
