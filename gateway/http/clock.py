"""The wall clock, and calls scheduled by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

LONGEST_SLEEP_SECONDS = 30.0


class Alarm(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Cancel the call."""


class Clock(Protocol):
    """The wall clock, and calls scheduled by it."""

    def now(self) -> datetime:
        """The current time, with a time zone."""

    def at(self, moment: datetime, call: Callable[[], None]) -> Alarm:
        """Schedule a call at the moment, or soon if it has passed."""


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> datetime:
        """The current time, in UTC."""
        return datetime.now(UTC)

    def at(self, moment: datetime, call: Callable[[], None]) -> SystemAlarm:
        """Schedule a call at the moment, or soon if it has passed. Needs a running event loop."""
        return SystemAlarm(self, moment, call)


class SystemAlarm:
    """A call scheduled at a moment.

    It rechecks the clock at least every 30 seconds, because the machine may sleep or its clock may be set.
    """

    __slots__ = ("_call", "_clock", "_handle", "_loop", "_moment")

    def __init__(self, clock: SystemClock, moment: datetime, call: Callable[[], None]) -> None:
        self._clock = clock
        self._moment = moment
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_soon(self._look)

    def _look(self) -> None:
        left = (self._moment - self._clock.now()).total_seconds()
        if left > 0:
            self._handle = self._loop.call_later(min(left, LONGEST_SLEEP_SECONDS), self._look)
        else:
            self._call()

    def cancel(self) -> None:
        """Cancel the call."""
        self._handle.cancel()
