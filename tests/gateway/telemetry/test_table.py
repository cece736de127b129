"""Tables of commands."""

from __future__ import annotations

from gateway.telemetry.table import aligned


def test_columns_are_as_wide_as_their_longest_cell_and_numbers_stand_right() -> None:
    rows = [("user", "tokens", ""), ("ada", "1,000", "late"), ("longer name", "7", "")]
    assert aligned(rows, right=(1,)) == [
        "user         tokens",
        "ada           1,000  late",
        "longer name       7",
    ]


def test_no_rows_are_no_lines() -> None:
    assert aligned([]) == []
