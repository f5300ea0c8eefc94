"""The figures that benchmarks print."""

from __future__ import annotations

import math

import pytest

from tests.bench.router.figures import bars, median, percentile, table


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 5.0), (0.9, 9.0), (0.91, 10.0), (0.99, 10.0), (1.0, 10.0), (0.0, 1.0)]
)
def test_percentile_is_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([10.0, 1.0, 2.0, 3.0, 9.0, 4.0, 5.0, 6.0, 7.0, 8.0], share) == value


def test_figures_of_nothing_are_no_numbers() -> None:
    assert math.isnan(percentile([], 0.99))
    assert math.isnan(median([]))


def test_table_is_in_columns_with_thousands_and_gaps() -> None:
    lines = table([["", "requests", "p99 ms"], ["grille", 12345, 1.239], ["a peer", 7, float("nan")]]).splitlines()
    assert lines == ["        requests  p99 ms", "grille    12,345    1.24", "a peer         7       -"]


def test_bars_are_as_long_as_values() -> None:
    lines = bars([("10", 1.0), ("1,000", 4.0)], width=8).splitlines()
    assert [line.count("#") for line in lines] == [2, 8]
    assert bars([]) == ""
