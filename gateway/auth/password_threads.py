"""Threads for passwords, whose work takes long, shared by turns: between kinds of work, and between callers of a kind.

Each kind has a line of its own, so however much of one waits, the next thread that is free takes work of the other. In
a line the callers take turns. Where it is full, the caller who has most waiting makes room for one who has less.
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
    """The threads, and a line before them for each kind of work."""

    def __init__(self, threads: int, waiting: int) -> None:
        """At most `waiting` jobs of a kind wait while all `threads` are busy."""
        self._free = threads
        self._waiting = waiting
        self._lines: OrderedDict[str, FairQueue[Any]] = OrderedDict()
        self._work: dict[asyncio.Future[Any], Callable[[], Any]] = {}
        """Of those who wait, by what they wait for."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="password")

    async def run(self, kind: str, caller: str, work: Callable[[], _Answer]) -> _Answer:
        """What the work comes to. Raises `Overloaded` when its line is full, and `RuntimeError` after `close`."""
        line = self._lines.setdefault(kind, FairQueue())
        if not self._free and len(line) >= self._waiting:
            _make_room(line, caller)
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._work[answer] = work
        line.add(caller, answer)
        self._begin()
        try:
            return await answer
        finally:
            self._work.pop(answer, None)

    def close(self) -> None:
        """Cancel those who wait, and wait for the work in hand."""
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
            # Whoever is cancelled does not free the thread that works for them.
            self._free -= 1
            working.add_done_callback(lambda done, answer=answer: self._end(answer, done))  # type: ignore[misc]

    def _next(self) -> asyncio.Future[Any] | None:
        for kind, line in self._lines.items():
            if (found := line.next()) is not None:
                self._lines.move_to_end(kind)
                return found[1]
        return None

    def _end(self, answer: asyncio.Future[Any], done: asyncio.Future[Any]) -> None:
        self._free += 1
        if done.cancelled():
            answer.cancel()
        elif not answer.done():
            error = done.exception()
            answer.set_result(done.result()) if error is None else answer.set_exception(error)
        self._begin()


def _make_room(line: FairQueue[Any], caller: str) -> None:
    """Refuse the last of whoever has most. Raises `Overloaded` if that would be this caller, with one more."""
    full = Overloaded("Too many passwords are being checked. Try again in a moment.", retryAfter=1)
    counts = line.counts()
    most = max(counts, key=counts.__getitem__, default=caller)
    if counts.get(most, 0) <= counts.get(caller, 0) + 1:
        raise full
    line.last(most).set_exception(full)
