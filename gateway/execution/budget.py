"""The budget of one operation: its time and its bytes.

All operations have the same time limit, so they expire in the order in which they began, and one timer serves all. A
timer for each, as `asyncio.timeout` sets it, costs a short operation more than its planning does.

Two kinds of bytes are counted: what the database sends, by the connection's meter as it comes in, and the objects of
the response, before they are made. For a small operation this is never more than two comparisons. One that grows past
`FREE_BYTES` takes from its caller's share step by step, and gives it back once the answer is sent.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from gateway.errors import Overloaded, ParleyError, TooLarge
from gateway.fairness.shares import OPERATIONS_OF_ONE, Held, Shares
from gateway.fairness.turns import caller_of

FREE_BYTES = 512 * 1024
"""What an operation may take of either kind before it draws on its caller's share."""
STEP_BYTES = 1024 * 1024

_LEAST_ROW = 30
"""The fewest bytes of a row on the wire."""
_GROWTH = 6
"""The most that a value grows between the wire and JSON: a control character of one byte is written as six."""


class Budgets:
    """Gives each operation the same time, in seconds, and the same number of bytes."""

    def __init__(self, seconds: float | None, limit: int) -> None:
        """If `seconds` is None, time is unlimited."""
        self.seconds = seconds
        self.limit = limit
        """The most bytes of one operation."""
        self.free = min(FREE_BYTES, limit)
        self.shares = Shares(OPERATIONS_OF_ONE * limit)
        """What callers' large operations take, until their answers are sent."""
        self.running: dict[Budget, None] = {}
        """The budgets of running operations, in the order in which they expire."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, context: object = None) -> Budget:
        """The budget of an operation that starts now, in the current task and this context."""
        loop = asyncio.get_running_loop()
        ends_at = float("inf") if self.seconds is None else loop.time() + self.seconds
        if self._timer is None and self.seconds is not None:
            self._timer = loop.call_at(ends_at, self._look, loop)
        return Budget(self, ends_at, asyncio.current_task(loop), context)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the operations whose time is up, and set the timer for the next."""
        self._timer = None
        for each in list(self.running):
            if each.ends_at > loop.time():
                self._timer = loop.call_at(each.ends_at, self._look, loop)
                return
            each.end(TimeoutError())


class Budget:
    """The time and the bytes of one operation, which runs in its `with` block.

    If the operation was ended, leaving the block raises the reason: `TimeoutError` for its time, `TooLarge` or
    `Overloaded` for its bytes.
    """

    __slots__ = (
        "__dict__",
        "_cancelled",
        "_context",
        "_of",
        "_task",
        "at",
        "ends_at",
        "is_small",
        "objects",
        "objects_allowed",
        "received",
        "received_allowed",
    )

    # One budget is made for each operation, and nearly all keep these defaults, so they are class attributes.
    failure: ParleyError | None = None
    """Why the operation must end."""
    held: Held | None = None
    """What it holds of the caller's share."""
    times_shared = 1
    """The most times that an object that is made once may occur in the response."""
    _before_shared = 0
    _reason: Exception

    def __init__(self, of: Budgets, ends_at: float, task: Any, context: object) -> None:
        self._of = of
        self.ends_at = ends_at
        self._task = task
        self._context: object = context
        self._cancelled: int = task.cancelling()
        self.is_small = True
        """Whether it took no step and shares no objects, so that only repeated values can make its response large."""
        self.objects = 0
        """Bytes of the objects of the response."""
        self.objects_allowed = of.free
        self.at: tuple[str, ...] = ()
        """The path of the field whose rows were asked for last."""
        self.received = 0
        """Bytes received from the database."""
        self.received_allowed: float = of.free

    def __enter__(self) -> Budget:
        self._of.running[self] = None
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._context = None  # it refers to this budget
        running = self._of.running
        if type_ is None and self in running:
            del running[self]
            return
        was_ended = running.pop(self, self) is self
        if type_ is not None:
            self._abandon()
        # If the task was also cancelled from elsewhere, that cancellation goes on.
        if was_ended and self._task.uncancel() <= self._cancelled and type_ is asyncio.CancelledError:
            raise self._reason from error

    def end(self, reason: Exception) -> None:
        """End the operation with an error by cancelling its task. The first reason counts."""
        if self in self._of.running:
            del self._of.running[self]
            self._reason = reason
            self._task.cancel()

    @property
    def limit(self) -> int:
        """The most bytes that it may take."""
        return self._of.limit

    @property
    def used(self) -> int:
        """All bytes counted so far."""
        return self.objects + self.received

    def add_received(self, count: int) -> None:
        """Count bytes that were received in a pipeline shared with other operations. Raises what `draw` raises."""
        self.received += count
        if self.received > self.received_allowed:
            self.draw()

    def add_objects(self, count: int, each: int) -> None:
        """Count objects of the response before they are made. Raises what `draw` raises."""
        self.objects += count * each
        if self.objects > self.objects_allowed:
            self.draw()

    def add_shared(self, count: int, since: int) -> None:
        """Count objects that occur in the response `count` times more often than they are made.

        Everything counted after `objects` was `since` may be below them.
        """
        if not count:
            return
        if self.times_shared == 1:
            self._before_shared = since
        self.times_shared *= count + 1
        self.is_small = False

    def draw(self) -> None:
        """Take another step from the share. Raises `TooLarge` at the limit, `Overloaded` if the share is used up."""
        self.is_small = False
        if self.failure is None:
            left = self.limit - self.used
            step = min(STEP_BYTES, left)
            if left < 0:
                self.failure = self.too_large()
            elif not self.hold(self.used + step):
                self.failure = self.overdrawn()
            else:
                self.objects_allowed = self.objects + step
                self.received_allowed = self.received + step
        if self.failure is not None:
            raise self.failure

    def hold(self, count: int) -> bool:
        """Hold this many bytes of the caller's share in all. Returns False if the share is used up."""
        if self.held is None:
            self.held = self._of.shares.hold(caller_of(self._context))
        return self.held.take(count)

    def close(self) -> Held | None:
        """Stop counting, and hand over what is held of the caller's share."""
        held, self.held = self.held, None
        return held

    def _abandon(self) -> None:
        """Stop counting, and give back what is held: there is no answer."""
        self.failure = None  # its traceback refers to this budget
        if (held := self.close()) is not None:
            held.take(0)

    def overdrawn(self) -> Overloaded:
        """The error of an operation for which its caller's share has no room."""
        return Overloaded("Your other large operations must finish before this one can run.", retryAfter=1)

    def may_exceed(self, copies: int, keys: int) -> bool:
        """Whether the response may exceed the limit, judged by the counts.

        `copies` is how often one value may occur, and `keys` the size of all response keys.
        """
        received = self.received
        text = self.objects + received * copies
        if not self.objects:  # objects were not counted, but each has a row
            text += keys + received * (keys // _LEAST_ROW + 1)
        if self.times_shared > 1:
            text += (self.times_shared - 1) * (text - self._before_shared)
        return text * _GROWTH > self.limit

    def too_large(self) -> TooLarge:
        """The error of an operation that exceeds the limit."""
        where = f" It was reading `{'.'.join(self.at)}`." if self.at else ""
        return TooLarge(
            f"The operation exceeds {_in_units(self.limit)}, the limit for one operation.{where} "
            "Ask for smaller pages with `first` or `last`, for fewer fields, or split the operation.",
            path=list(self.at),
        )

    def exceed(self) -> None:
        """Draw on the share because more was received than is allowed, or end the operation if that fails."""
        if self not in self._of.running:
            return  # it has ended, and its connection is about to be given back
        try:
            self.draw()
        except ParleyError as failure:
            self.end(failure.with_traceback(None))  # the traceback refers to this budget and to what was received


def fits_if_small(copies: int, keys: int, limit: int) -> bool:
    """Whether a small operation can never exceed the limit, by the estimate of `may_exceed`."""
    largest = FREE_BYTES + FREE_BYTES * copies + keys + FREE_BYTES * (keys // _LEAST_ROW + 1)
    return largest * _GROWTH <= limit


def unbounded() -> Budget:
    """A budget without limits."""
    return Budgets(None, 1 << 62).begin()


def _in_units(count: int) -> str:
    return f"{count / 1024**2:g} MiB" if count >= 1024**2 else f"{count:,} bytes"
