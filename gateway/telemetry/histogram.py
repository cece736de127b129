"""Histograms of durations, which can be added up over processes and over time."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
"""Upper bounds of the buckets, in seconds. The last bucket is unbounded."""


@dataclass(slots=True)
class Histogram:
    """Counts of durations, by bucket, and their sum."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0

    def add(self, seconds: float, count: int = 1) -> None:
        """Add `count` durations of `seconds` each."""
        self.buckets[bisect_left(BOUNDS, seconds)] += count
        self.seconds += seconds * count
