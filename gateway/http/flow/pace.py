"""Rate limiting of one socket: a burst, then a number of messages per second."""

from __future__ import annotations


class Pace:
    """A rate limiter whose only state is the time until which the allowance is used up."""

    __slots__ = ("_ahead_seconds", "_each_seconds", "_used_until")

    def __init__(self, per_second: float, *, at_once: float) -> None:
        self._each_seconds = 1 / per_second
        self._ahead_seconds = at_once / per_second
        self._used_until = float("-inf")

    def wait_seconds(self, now: float) -> float:
        """Count a message that arrived `now`. Returns how long to wait before the next; negative for no wait."""
        self._used_until = max(self._used_until, now) + self._each_seconds
        return self._used_until - self._ahead_seconds - now
