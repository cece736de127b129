"""Sharing the event loop among operations that have much to do.

Such an operation works in pieces of some hundred objects, and asks for its turn before each. In one round of the event
loop, large operations may begin for `STRETCH_SECONDS`, all of them together, and the last to begin may go on for as
long: what is interrupted finds its objects cold. Who has to wait goes on in a later round, and callers take turns,
however many operations they have: all else that is ready runs in between.

A round for each piece would cost more than the pieces: the loop would read what the database sends in crumbs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from time import monotonic

from gateway.fairness.fair_queue import FairQueue

STRETCH_SECONDS = 0.004
"""What comes in meanwhile waits for so long."""


class Turns:
    """The turns of one process."""

    def __init__(self, stretch_seconds: float = STRETCH_SECONDS) -> None:
        self._stretch_seconds = stretch_seconds
        self._queue: FairQueue[None] = FairQueue()
        self._is_granting = False
        self._began_at: float | None = None
        """When the first large operation of this round began to work."""
        self._last: Hashable = None
        """The caller who works, or did last; and since when."""
        self._last_since = 0.0

    async def next(self, caller: Hashable) -> None:
        """Return when it is this caller's turn, which may be at once."""
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
        found = self._queue.next()
        if found is None:
            self._is_granting = False
            return
        found[1].set_result(None)
        loop.call_soon(self._grant, loop)  # behind the piece, in the next round


def caller_of(context: object) -> Hashable:
    """For whom an operation runs in this context. Whoever is anonymous is one caller."""
    return getattr(getattr(context, "identity", None), "user_id", None)
