"""Shares the event loop among large operations.

A large operation works in pieces of some hundred objects, and waits for its turn before each. In one iteration of the
event loop, large operations may start pieces for `STRETCH_SECONDS` together, and the last to start may continue for as
long again, because an interrupted operation finds its objects evicted from the processor's cache. Operations that must
wait continue in a later iteration. Callers take turns, however many operations they have, and everything else that is
ready runs in between.

One iteration per piece would cost more than the pieces: the loop would read the database's data in tiny portions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from time import monotonic

from gateway.fairness.fair_queue import FairQueue

STRETCH_SECONDS = 0.004
"""The delay that large operations may cause to other work."""


class Turns:
    """The turns of one process."""

    def __init__(self, stretch_seconds: float = STRETCH_SECONDS) -> None:
        self._stretch_seconds = stretch_seconds
        self._queue: FairQueue[None] = FairQueue()
        self._is_granting = False
        self._began_at: float | None = None
        """When the first large operation of this iteration started a piece."""
        self._last: Hashable = None
        """The caller that is running or ran last, and since when."""
        self._last_since = 0.0

    async def next(self, caller: Hashable) -> None:
        """Wait until it is this caller's turn, which may be at once."""
        if self._may_go_on(caller):
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._queue.add(caller, turn)
        if not self._is_granting:
            self._is_granting = True
            loop.call_soon(self._grant, loop)
        await turn

    def _may_go_on(self, caller: Hashable) -> bool:
        now = monotonic()
        if self._began_at is None:
            self._began_at = now
            asyncio.get_running_loop().call_soon(self._end_round)
        elif caller == self._last:
            return now - self._last_since < self._stretch_seconds
        elif now - self._began_at >= self._stretch_seconds:
            return False
        self._last, self._last_since = caller, now
        return self._stretch_seconds > 0

    def _end_round(self) -> None:
        self._began_at = None

    def _grant(self, loop: asyncio.AbstractEventLoop) -> None:
        entry = self._queue.next()
        if entry is None:
            self._is_granting = False
            return
        entry[1].set_result(None)
        loop.call_soon(self._grant, loop)  # after the piece, in the next iteration


def caller_of(context: object) -> Hashable:
    """The caller of an operation in this context. All anonymous callers count as one."""
    return getattr(getattr(context, "identity", None), "user_id", None)
