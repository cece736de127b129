"""Tables of commands, as plain text that people read and scripts cut."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Lines with the cells of each row below each other, two spaces apart. `right` are the columns of numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = enumerate(zip(row, widths, strict=True))
        padded = (cell.rjust(width) if at in right else cell.ljust(width) for at, (cell, width) in cells)
        lines.append("  ".join(padded).rstrip())
    return lines
