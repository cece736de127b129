"""What one operation may take: its time, and its bytes.

All operations have equally long, so they end in the order in which they began, and one timer serves all: one for each,
as `asyncio.timeout` sets it, costs a short operation more than its planning does.

Two kinds of bytes are counted: what the database sends, by the connection's meter while it comes in, and the objects of
the response, before they are made. A small operation is never asked for more than two comparisons. One that grows past
`FREE_BYTES` takes room step by step from its caller's share, and gives it back once the answer was sent.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from gateway.errors import Overloaded, ParleyError, TooLarge
from gateway.fairness.shares import OPERATIONS_OF_ONE, Held, Shares
from gateway.fairness.turns import caller_of

FREE_BYTES = 512 * 1024
"""What an operation may take without asking, of either kind."""
STEP_BYTES = 1024 * 1024

_LEAST_ROW = 30
"""Bytes of a row on the wire."""
_GROWTH = 6
"""No value grows more between the wire and JSON: a control character of one byte is written as six."""


class Budgets:
    """Gives each operation the same time, in seconds, and the same number of bytes."""

    def __init__(self, seconds: float | None, limit: int) -> None:
        """Without a number of seconds, an operation may take as long as it takes."""
        self.seconds = seconds
        self.limit = limit
        """Bytes of one operation."""
        self.free = min(FREE_BYTES, limit)
        self.shares = Shares(OPERATIONS_OF_ONE * limit)
        """What callers take for large operations, until their answers are sent."""
        self.running: dict[Budget, None] = {}
        """Those that have not ended, the first to end first."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, context: object = None) -> Budget:
        """The budget of an operation of the present task in this context, which begins now."""
        loop = asyncio.get_running_loop()
        ends_at = float("inf") if self.seconds is None else loop.time() + self.seconds
        if self._timer is None and self.seconds is not None:
            self._timer = loop.call_at(ends_at, self._look, loop)
        return Budget(self, ends_at, asyncio.current_task(loop), context)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End those whose time is up, and come back for the next."""
        self._timer = None
        for each in list(self.running):
            if each.ends_at > loop.time():
                self._timer = loop.call_at(each.ends_at, self._look, loop)
                return
            each.end(TimeoutError())


class Budget:
    """The time and the bytes of one operation, which runs in its block.

    As a context manager it raises what the operation was ended with: `TimeoutError` when it took too long, `TooLarge`
    or `Overloaded` for its bytes.
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

    # One of these is made for each operation, and nearly every one leaves the following as it is.
    failure: ParleyError | None = None
    """Why the operation must end."""
    held: Held | None = None
    """What was taken of the caller's share."""
    times_shared = 1
    """How often at most an object that is made once stands in the response."""
    _before_shared = 0
    _reason: Exception

    def __init__(self, of: Budgets, ends_at: float, task: Any, context: object) -> None:
        self._of = of
        self.ends_at = ends_at
        self._task = task
        self._context: object = context
        self._cancelled: int = task.cancelling()
        self.is_small = True
        """Whether it took no step and shares no objects: only what it shows of each value can make it large."""
        self.objects = 0
        """Bytes of the objects of the response."""
        self.objects_allowed = of.free
        self.at: tuple[str, ...] = ()
        """The path of the field that rows were last asked for."""
        self.received = 0
        """Bytes that the database has sent."""
        self.received_allowed: float = of.free

    def __enter__(self) -> Budget:
        self._of.running[self] = None
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._context = None  # which refers to this
        running = self._of.running
        if type_ is None and self in running:
            del running[self]
            return
        was_ended = running.pop(self, self) is self
        if type_ is not None:
            self._abandon()
        # Where somebody else has cancelled the task as well, the end is theirs.
        if was_ended and self._task.uncancel() <= self._cancelled and type_ is asyncio.CancelledError:
            raise self._reason from error

    def end(self, reason: Exception) -> None:
        """End the operation with an error, while it waits for something. The first reason counts."""
        if self in self._of.running:
            del self._of.running[self]
            self._reason = reason
            self._task.cancel()

    @property
    def limit(self) -> int:
        """All bytes that it may take."""
        return self._of.limit

    @property
    def used(self) -> int:
        """All bytes that were counted."""
        return self.objects + self.received

    def add_received(self, count: int) -> None:
        """Count what has come in together with what others asked for. Raises what `draw` raises."""
        self.received += count
        if self.received > self.received_allowed:
            self.draw()

    def add_objects(self, count: int, each: int) -> None:
        """Count objects of the response that are about to be made. Raises what `draw` raises."""
        self.objects += count * each
        if self.objects > self.objects_allowed:
            self.draw()

    def add_shared(self, count: int, since: int) -> None:
        """Count objects that stand in the response `count` times more often than they are made.

        Whatever was counted since `objects` was `since` may lie below them.
        """
        if not count:
            return
        if self.times_shared == 1:
            self._before_shared = since
        self.times_shared *= count + 1
        self.is_small = False

    def draw(self) -> None:
        """Take another step. Raises `TooLarge` at the limit, and `Overloaded` if the caller's share has no room."""
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
        """Take this many bytes of the caller's share, in all. False if it has no room."""
        if self.held is None:
            self.held = self._of.shares.hold(caller_of(self._context))
        return self.held.take(count)

    def close(self) -> Held | None:
        """Count no more. What was taken of the caller's share belongs to whoever is given this."""
        held, self.held = self.held, None
        return held

    def _abandon(self) -> None:
        """Count no more, and give back what was taken: there is no answer."""
        self.failure = None  # whose traceback holds this budget
        if (held := self.close()) is not None:
            held.take(0)

    def overdrawn(self) -> Overloaded:
        """The error of an operation that its caller's share has no room for."""
        return Overloaded("Your other large operations must finish before this one can run.", retryAfter=1)

    def may_exceed(self, copies: int, keys: int) -> bool:
        """Whether the response may be larger than the limit, by what it was made of.

        `copies` is how often one value may be shown, and `keys` what the names of all fields come to.
        """
        received = self.received
        text = self.objects + received * copies
        if not self.objects:  # they were not counted, but there is a row for each
            text += keys + received * (keys // _LEAST_ROW + 1)
        if self.times_shared > 1:
            text += (self.times_shared - 1) * (text - self._before_shared)
        return text * _GROWTH > self.limit

    def too_large(self) -> TooLarge:
        """The error of an operation that is beyond the limit."""
        where = f" It was reading `{'.'.join(self.at)}`." if self.at else ""
        return TooLarge(
            f"The operation exceeds {_in_units(self.limit)}, the limit for one operation.{where} "
            "Ask for smaller pages with `first` or `last`, for fewer fields, or split the operation.",
            path=list(self.at),
        )

    def exceed(self) -> None:
        """More has come in than is allowed: allow more, or end the operation."""
        if self not in self._of.running:
            return  # it has ended, and its connection is about to be given back
        try:
            self.draw()
        except ParleyError as failure:
            self.end(failure.with_traceback(None))  # which holds this budget, and what has come in


def fits_if_small(copies: int, keys: int, limit: int) -> bool:
    """Whether no small operation can have a response larger than the limit, as `may_exceed` reckons."""
    largest = FREE_BYTES + FREE_BYTES * copies + keys + FREE_BYTES * (keys // _LEAST_ROW + 1)
    return largest * _GROWTH <= limit


def unbounded() -> Budget:
    """A budget that nothing exceeds."""
    return Budgets(None, 1 << 62).begin()


def _in_units(count: int) -> str:
    return f"{count / 1024**2:g} MiB" if count >= 1024**2 else f"{count:,} bytes"
