"""How fast one socket may send: so many messages at once, and so many a second from then on."""

from __future__ import annotations


class Pace:
    """Tells who comes too fast how long to wait. It is one number: when the socket will have used up what it sent."""

    __slots__ = ("_ahead_seconds", "_each_seconds", "_used_until")

    def __init__(self, per_second: float, *, at_once: float) -> None:
        self._each_seconds = 1 / per_second
        self._ahead_seconds = at_once / per_second
        self._used_until = float("-inf")

    def wait_seconds(self, now: float) -> float:
        """Count a message that came `now`; returns how long to wait before the next is taken, or less than 0."""
        self._used_until = max(self._used_until, now) + self._each_seconds
        return self._used_until - self._ahead_seconds - now
