"""What the live subscriptions of one process come to, for whoever wants to look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gateway.telemetry.histogram import Histogram


@dataclass(slots=True)
class Counts:
    """Numbers that begin at zero with the process."""

    running: Counter[str] = field(default_factory=Counter)
    """Subscriptions that run now, by the name of their operation; empty where it has none."""
    live: int = 0
    """Those of them that get what a group has run, as it comes."""
    groups: int = 0
    """How many groups there are: distinct subscriptions."""
    deliveries: int = 0
    """Answers handed to a transport."""
    executions: int = 0
    """Runs of an operation on events, on several at once where several waited."""
    drops: int = 0
    """How often a subscriber took so little that it had to read the feed again."""
    resyncs: int = 0
    """Subscriptions that ended because the feed could not be continued from their cursor."""
    errors: Counter[str] = field(default_factory=Counter)
    """Errors in answers of subscriptions, by their code: of single events, and those that ended one."""
    latencies: Histogram = field(default_factory=Histogram)
    """Of live answers, from the clock of the writing transaction to the transport."""

    def delivered(self, count: int, seconds: float) -> None:
        """Count live answers that took so long; by clocks that differ, perhaps less than no time."""
        self.deliveries += count
        self.latencies.add(max(seconds, 0.0), count)
