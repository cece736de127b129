"""The bytes that one operation may take, and those that one caller may take at a time.

Two things are counted: what the database sends, by the connection's transport while it comes in, and the objects of the
response, before they are made. A small operation is never asked for more than two comparisons. One that grows past
`FREE_BYTES` asks for room step by step. The steps are taken from its caller's share and given back once the answer was
sent.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Protocol

from gateway.errors import Overloaded, ParleyError, TooLarge

FREE_BYTES = 256 * 1024
"""What an operation may take without asking, of either kind."""
STEP_BYTES = 1024 * 1024
OBJECT_BYTES = 64
"""What an object of the response counts, besides the names of its fields and their values."""
OPERATIONS_OF_ONE = 4
"""A caller's share, in operations of the largest size."""

_LEAST_ROW = 30
"""Bytes of a row on the wire."""
_GROWTH = 6
"""No value grows more between the wire and JSON: a control character of one byte is written as six."""


class Shares:
    """The bytes that each caller has taken, in one process."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken: dict[Hashable, int] = {}
        """By caller; without those who have taken nothing."""

    def hold(self, caller: Hashable) -> Held:
        """What a caller takes for one purpose: nothing yet."""
        return Held(self, caller)


class Held:
    """Bytes taken of a caller's share. They are given back by `take(0)`, or with the last reference to this."""

    __slots__ = ("_bytes", "_caller", "_shares")

    def __init__(self, shares: Shares, caller: Hashable) -> None:
        self._shares = shares
        self._caller = caller
        self._bytes = 0

    def take(self, count: int) -> bool:
        """Hold this many bytes in all. False, and no change, if the caller's share has no room for them."""
        taken = self._shares.taken
        others = taken.get(self._caller, 0) - self._bytes
        if count > self._bytes and others + count > self._shares.most:
            return False
        self._bytes = count
        if others + count:
            taken[self._caller] = others + count
        else:
            taken.pop(self._caller, None)
        return True

    def __del__(self) -> None:
        self.take(0)


class Ending(Protocol):
    """What can end an operation."""

    def end(self, reason: Exception) -> None:
        """End it with an error, while it waits for something."""


class Meter(Protocol):
    """What counts the bytes that come in on a connection."""

    received: int
    allowed: float
    """For more than this the budget is asked."""
    budget: Budget | None


class Budget:
    """The bytes of one operation."""

    # What nearly every operation leaves as it is stands here: one of these is made for each.
    objects = 0
    """Bytes of the objects of the response."""
    objects_allowed = FREE_BYTES
    at: tuple[str, ...] = ()
    """The path of the field that rows were last asked for."""
    failure: ParleyError | None = None
    """Why the operation must end."""
    caller: Hashable = None
    held: Held | None = None
    """What was taken of the caller's share."""
    _meter: Meter | None = None
    _received = 0
    times_shared = 1
    """How often at most an object that is made once stands in the response."""
    _before_shared = 0

    def __init__(self, limit: int, shares: Shares, ending: Ending) -> None:
        """`ending` ends the operation with an error while it waits for the database."""
        self.limit = limit
        self._shares = shares
        self._ending = ending
        if limit < FREE_BYTES:
            self.objects_allowed = limit

    @property
    def received(self) -> int:
        """Bytes that the database has sent."""
        return self._received if self._meter is None else self._received + self._meter.received

    @property
    def used(self) -> int:
        """All bytes that were counted."""
        return self.objects + self.received

    def watch(self, meter: Meter, caller: Hashable) -> None:
        """Count what comes in on a connection, which serves this operation alone until `unwatch`."""
        self._meter = meter
        self.caller = caller
        meter.received = 0
        meter.allowed = self.objects_allowed
        meter.budget = self

    def unwatch(self) -> None:
        """Go on without the connection."""
        meter, self._meter = self._meter, None
        if meter is not None:
            self._received += meter.received
            meter.allowed = math.inf
            meter.budget = None

    def add_received(self, count: int, caller: Hashable) -> None:
        """Count what has come in on a connection that serves several. Raises what `draw` raises."""
        self.caller = caller
        self._received += count
        if self.received > FREE_BYTES:
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

    def draw(self) -> None:
        """Take another step. Raises `TooLarge` at the limit, and `Overloaded` if the caller's share has no room."""
        if self.failure is None:
            left = self.limit - self.used
            step = min(STEP_BYTES, left)
            if left < 0:
                self.failure = self.too_large()
            elif not self.hold(self.used + step):
                self.failure = self.overdrawn()
            else:
                self.objects_allowed = self.objects + step
                if self._meter is not None:
                    self._meter.allowed = self._meter.received + step
        if self.failure is not None:
            raise self.failure

    def hold(self, count: int) -> bool:
        """Take this many bytes of the caller's share, in all. False if it has no room."""
        if self.held is None:
            self.held = self._shares.hold(self.caller)
        return self.held.take(count)

    def close(self) -> Held | None:
        """Count no more. What was taken of the caller's share belongs to whoever is given this."""
        self.unwatch()
        held, self.held = self.held, None
        return held

    def abandon(self) -> None:
        """Count no more, and give back what was taken: there is no answer."""
        self.failure = None  # whose traceback holds this budget
        if (held := self.close()) is not None:
            held.take(0)

    def overdrawn(self) -> Overloaded:
        """The error of an operation that its caller's share has no room for."""
        return Overloaded("Your other large operations must end before this one can run.", retryAfter=1)

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
            f"The operation comes to more than {_in_units(self.limit)}, the most that one may take.{where} "
            "Ask for smaller pages with `first` or `last`, for fewer fields, or for less in one operation.",
            path=list(self.at),
        )

    def exceed(self) -> None:
        """More has come in than was allowed: allow more, or end the operation."""
        try:
            self.draw()
        except ParleyError as failure:
            self._ending.end(failure.with_traceback(None))  # which holds this budget, and what has come in


def fits_if_small(copies: int, keys: int, limit: int) -> bool:
    """Whether no small operation can have a response larger than the limit, as `may_exceed` reckons."""
    largest = FREE_BYTES + FREE_BYTES * copies + keys + FREE_BYTES * (keys // _LEAST_ROW + 1)
    return largest * _GROWTH <= limit


def unbounded() -> Budget:
    """A budget that nothing exceeds."""
    return Budget(1 << 62, Shares(1 << 62), _NoEnding())


class _NoEnding:
    def end(self, reason: Exception) -> None:
        """Nothing exceeds it."""


def _in_units(count: int) -> str:
    return f"{count / 1024**2:g} MiB" if count >= 1024**2 else f"{count:,} bytes"
