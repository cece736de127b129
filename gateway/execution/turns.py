"""Sharing the event loop among operations that have much to do.

Such an operation works in pieces of some hundred objects, and asks for its turn before each. One piece runs in each
round of the event loop, and callers take turns, however many operations they have: all else that is ready runs between
two pieces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from gateway.fair_queue import FairQueue


class Turns:
    """The turns of one process."""

    def __init__(self) -> None:
        self._queue: FairQueue[None] = FairQueue()
        self._is_granting = False

    async def next(self, caller: Hashable) -> None:
        """Return when it is this caller's turn."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._queue.add(caller, turn)
        if not self._is_granting:
            self._is_granting = True
            loop.call_soon(self._grant, loop)
        await turn

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
