"""Graceful shutdown: when each socket is closed, so that another process can take its client over."""

from __future__ import annotations

import random
from dataclasses import dataclass

CLOSED_A_SECOND = 500
"""Sockets closed per second. Their clients reconnect and resume at once; one other process can take this many."""

LONGEST_SPREAD_SECONDS = 10.0
"""Upper bound for any number of sockets, because a stopping process is eventually killed."""


@dataclass(slots=True)
class Stopping:
    """Whether this process is stopping, for code that still answers requests."""

    begun: bool = False
    """If true, `/readyz` fails and each response closes its connection."""


def closing_times(count: int) -> list[float]:
    """Random times at which to close `count` sockets, in seconds from now, so that clients do not return in step."""
    spread = min(count / CLOSED_A_SECOND, LONGEST_SPREAD_SECONDS)
    return sorted(random.uniform(0, spread) for _ in range(count))  # noqa: S311
