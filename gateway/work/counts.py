"""What one process counts of its jobs, for the metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.telemetry.histogram import Histogram


@dataclass(frozen=True, slots=True)
class Waiting:
    """The jobs of one name in the queue, of all processes, as they were when it was last read."""

    queued: int = 0
    running: int = 0
    failed: int = 0
    oldest_seconds: float = 0.0
    """For how long the oldest queued job has been due."""


@dataclass(slots=True)
class WorkCounts:
    """The counters start at zero with the process. Each is by the name of the job."""

    done: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    running: Counter[str] = field(default_factory=Counter)
    durations: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(Histogram))
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
