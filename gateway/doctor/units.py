"""Writes numbers, sizes and durations for people."""

from __future__ import annotations

import datetime

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """A number of bytes, such as `1.5 GB`."""
    step = 0
    while abs(count) >= 1024 and step + 1 < len(UNITS):
        count /= 1024
        step += 1
    return f"{count:,.0f} {UNITS[step]}" if step == 0 or abs(count) >= 10 else f"{count:,.1f} {UNITS[step]}"


def duration(length: datetime.timedelta | float) -> str:
    """A duration in its largest whole unit, such as `3 days`."""
    seconds = length.total_seconds() if isinstance(length, datetime.timedelta) else length
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if abs(seconds) >= 2 * unit:
            return f"{seconds / unit:,.0f} {name}s"
    return f"{seconds:.0f} seconds" if abs(seconds) >= 10 else f"{seconds:.1f} seconds"


def number(count: int, noun: str) -> str:
    """A number of things, such as `1 error` or `2 errors`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
