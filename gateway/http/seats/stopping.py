"""How a gateway takes leave of its clients: who is asked to go, and when, so that another one can take them in."""

from __future__ import annotations

import random
from dataclasses import dataclass

CLOSED_A_SECOND = 500
"""Sockets. Their clients come back at once, and each resumes its subscriptions: what one other process can take."""

LONGEST_SPREAD_SECONDS = 10.0
"""However many there are: a process that is told to stop is killed sooner or later."""


@dataclass(slots=True)
class Stopping:
    """Whether this process is about to stop, for whatever answers meanwhile."""

    begun: bool = False
    """From then on `/readyz` says no, and each answer closes its connection."""


def moments(count: int) -> list[float]:
    """When to close so many sockets, in seconds from now: at random, so that nothing comes back in step."""
    spread = min(count / CLOSED_A_SECOND, LONGEST_SPREAD_SECONDS)
    return sorted(random.uniform(0, spread) for _ in range(count))  # noqa: S311
