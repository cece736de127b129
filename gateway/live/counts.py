"""Counters of the live subscriptions of one process."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gateway.telemetry.histogram import Histogram


@dataclass(slots=True)
class Counts:
    """The counters, which start at zero."""

    running: Counter[str] = field(default_factory=Counter)
    """Running subscriptions, by operation name. Unnamed ones are under the empty string."""
    live: int = 0
    """Subscriptions that get their answers live from a group."""
    groups: int = 0
    """Number of groups, which are distinct subscriptions."""
    deliveries: int = 0
    """Answers passed to a transport."""
    executions: int = 0
    """Executions of operations, each on one or more events."""
    drops: int = 0
    """Times that a slow subscriber had to read the feed again."""
    resyncs: int = 0
    """Subscriptions that ended because their cursor could not be resumed."""
    errors: Counter[str] = field(default_factory=Counter)
    """Errors in answers of subscriptions, by code: of single events, and those that ended a subscription."""
    latencies: Histogram = field(default_factory=Histogram)
    """Latencies of live answers, from the time of the writing transaction to the transport."""

    def delivered(self, count: int, seconds: float) -> None:
        """Count live answers and their latency, which may be negative if clocks differ."""
        self.deliveries += count
        self.latencies.add(max(seconds, 0.0), count)
