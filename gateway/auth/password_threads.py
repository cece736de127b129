"""Threads for the slow work of password hashing, shared fairly between kinds of work and between requesters.

Each kind of work has its own queue, and free threads take from the queues in turn. Within a queue, requesters take
turns. If a queue is full, the requester with the most waiting jobs loses one to a requester with fewer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from gateway.errors import Overloaded
from gateway.fairness.fair_queue import FairQueue

_Answer = TypeVar("_Answer")


class PasswordThreads:
    """The threads, and a queue for each kind of work."""

    def __init__(self, threads: int, waiting: int) -> None:
        """At most `waiting` jobs of each kind are queued while all `threads` are busy."""
        self._free = threads
        self._waiting = waiting
        self._lines: OrderedDict[str, FairQueue[Any]] = OrderedDict()
        self._work: dict[asyncio.Future[Any], Callable[[], Any]] = {}
        """The work of waiting requesters, by the future of its result."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="password")

    async def run(self, kind: str, requester: str, work: Callable[[], _Answer]) -> _Answer:
        """Run `work`, and return its result. Raises `Overloaded` if the queue is full, `RuntimeError` after `close`."""
        line = self._lines.setdefault(kind, FairQueue())
        if not self._free and len(line) >= self._waiting:
            _make_room(line, requester)
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._work[answer] = work
        line.add(requester, answer)
        self._begin()
        try:
            return await answer
        finally:
            self._work.pop(answer, None)

    def close(self) -> None:
        """Cancel queued work, and wait for running work."""
        while (answer := self._next()) is not None:
            answer.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _begin(self) -> None:
        while self._free and (answer := self._next()) is not None:
            try:
                working = asyncio.wrap_future(self._executor.submit(self._work.pop(answer)))
            except RuntimeError as closed:
                answer.set_exception(closed)
                continue
            # A cancelled requester does not free its thread.
            self._free -= 1
            working.add_done_callback(lambda done, answer=answer: self._end(answer, done))  # type: ignore[misc]

    def _next(self) -> asyncio.Future[Any] | None:
        for kind, line in self._lines.items():
            if (entry := line.next()) is not None:
                self._lines.move_to_end(kind)
                return entry[1]
        return None

    def _end(self, answer: asyncio.Future[Any], done: asyncio.Future[Any]) -> None:
        self._free += 1
        if done.cancelled():
            answer.cancel()
        elif not answer.done():
            error = done.exception()
            answer.set_result(done.result()) if error is None else answer.set_exception(error)
        self._begin()


def _make_room(line: FairQueue[Any], requester: str) -> None:
    """Refuse the latest job of the requester with the most. Raises `Overloaded` if this one would have as many."""
    full = Overloaded("Too many passwords are being checked. Try again in a moment.", retryAfter=1)
    counts = line.counts()
    most = max(counts, key=counts.__getitem__, default=requester)
    if counts.get(most, 0) <= counts.get(requester, 0) + 1:
        raise full
    line.last(most).set_exception(full)
