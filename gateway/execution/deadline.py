"""Deadlines of operations. All have equally long, so they end in the order in which they began: one timer serves all.

A timer for each, as `asyncio.timeout` sets one, costs a short operation more than its planning does.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any


class Deadlines:
    """Gives each operation the same time, in seconds; without a number, as long as it takes."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._running: dict[Deadline, None] = {}
        """Those that run, the first to end first."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> Deadline:
        """The time of an operation of the present task, which begins now."""
        loop = asyncio.get_running_loop()
        ends_at = float("inf") if self.seconds is None else loop.time() + self.seconds
        if self._timer is None and self.seconds is not None:
            self._timer = loop.call_at(ends_at, self._look, loop)
        return Deadline(ends_at, asyncio.current_task(loop), self._running)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End those whose time is up, and come back for the next."""
        self._timer = None
        for each in list(self._running):
            if each.ends_at > loop.time():
                self._timer = loop.call_at(each.ends_at, self._look, loop)
                return
            each.end(TimeoutError())


class Deadline:
    """An operation's time. As a context manager it raises `TimeoutError` in the task that took too long, or what else
    the operation was ended with.
    """

    __slots__ = ("_cancelled", "_reason", "_running", "_task", "ends_at")

    def __init__(self, ends_at: float, task: Any, running: dict[Deadline, None]) -> None:
        self.ends_at = ends_at
        self._reason: Exception | None = None
        self._task = task
        self._cancelled: int = task.cancelling()
        self._running = running

    def end(self, reason: Exception) -> None:
        """End the operation with an error, while it waits for something. The first reason counts."""
        if self in self._running:
            del self._running[self]
            self._reason = reason
            self._task.cancel()

    def __enter__(self) -> Deadline:
        self._running[self] = None
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._reason is None:
            del self._running[self]
        # Where somebody else has cancelled the task as well, the end is theirs.
        elif self._task.uncancel() <= self._cancelled and type_ is asyncio.CancelledError:
            raise self._reason from error
