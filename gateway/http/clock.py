"""The time of day, and calls at a time of day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

LONGEST_SLEEP_SECONDS = 30.0


class Alarm(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come."""


class Clock(Protocol):
    """The time of day, and calls at a time of day."""

    def now(self) -> datetime:
        """The time, aware."""

    def at(self, moment: datetime, call: Callable[[], None]) -> Alarm:
        """Have something called once the moment has come."""


class SystemClock:
    """The time of day as the machine has it."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def at(self, moment: datetime, call: Callable[[], None]) -> SystemAlarm:
        """Have something called once the moment has come. To be asked for on an event loop."""
        return SystemAlarm(self, moment, call)


class SystemAlarm:
    """A call at a moment.

    It looks again now and then: a machine may sleep, or its clock be set, behind the event loop's back.
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
        """Call nothing any more."""
        self._handle.cancel()
