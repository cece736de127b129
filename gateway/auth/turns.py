"""Threads for work that takes long, shared by turns: between kinds of work, and between the callers of one kind.

Each kind has a line of its own, so however much of one waits, the next thread that is free takes work of the other. In
a line the callers take turns. Where it is full, the caller who has most waiting makes room for one who has less.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from gateway.errors import Overloaded

_Answer = TypeVar("_Answer")


class Job:
    """Work that waits for a thread, or is on one."""

    __slots__ = ("answer", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class Turns:
    """The threads, and a line before them for each kind of work."""

    def __init__(self, threads: int, waiting: int, name: str) -> None:
        """At most `waiting` jobs of a kind wait while all `threads` are busy."""
        self._threads = threads
        self._waiting = waiting
        self._busy = 0
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, kind: str, caller: str, work: Callable[[], _Answer]) -> _Answer:
        """What the work comes to. Raises `Overloaded` when its line is full, and `RuntimeError` after `close`."""
        line = self._lines.setdefault(kind, Line())
        job = Job(work)
        if self._busy >= self._threads and line.waiting >= self._waiting:
            line.make_room(caller)
        line.add(caller, job)
        self._begin()
        try:
            answer: _Answer = await job.answer
        except asyncio.CancelledError:
            line.discard(caller, job)
            raise
        return answer

    def close(self) -> None:
        """Cancel those who wait, and wait for the work in hand."""
        for line in self._lines.values():
            while (job := line.take()) is not None:
                job.answer.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _begin(self) -> None:
        while self._busy < self._threads and (job := self._next()) is not None:
            try:
                working = asyncio.wrap_future(self._executor.submit(job.work))
            except RuntimeError as closed:
                job.answer.set_exception(closed)
                continue
            # Whoever is cancelled does not free the thread that works for them.
            self._busy += 1
            working.add_done_callback(lambda done, job=job: self._end(job, done))  # type: ignore[misc]

    def _next(self) -> Job | None:
        for kind in list(self._lines):
            if (job := self._lines[kind].take()) is not None:
                self._lines.move_to_end(kind)
                return job
        return None

    def _end(self, job: Job, done: asyncio.Future[Any]) -> None:
        self._busy -= 1
        if done.cancelled():
            job.answer.cancel()
        elif not job.answer.done():
            error = done.exception()
            job.answer.set_result(done.result()) if error is None else job.answer.set_exception(error)
        self._begin()


class Line:
    """The jobs of one kind that wait, by caller; the caller whose turn is next comes first."""

    __slots__ = ("_jobs", "waiting")

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, deque[Job]] = OrderedDict()
        self.waiting = 0

    def add(self, caller: str, job: Job) -> None:
        """Put a job behind those of its caller."""
        self._jobs.setdefault(caller, deque()).append(job)
        self.waiting += 1

    def take(self) -> Job | None:
        """The job whose turn it is."""
        if not self._jobs:
            return None
        caller, jobs = next(iter(self._jobs.items()))
        job = jobs.popleft()
        self.waiting -= 1
        if jobs:
            self._jobs.move_to_end(caller)
        else:
            del self._jobs[caller]
        return job

    def discard(self, caller: str, job: Job) -> None:
        """Forget a job if it still waits."""
        jobs = self._jobs.get(caller)
        if jobs is not None and job in jobs:
            jobs.remove(job)
            self.waiting -= 1
            if not jobs:
                del self._jobs[caller]

    def make_room(self, caller: str) -> None:
        """Refuse the last job of whoever has most. Raises `Overloaded` if that would be this caller, with one more."""
        full = Overloaded("Too many passwords are being checked. Try again in a moment.", retryAfter=1)
        most = max(self._jobs, key=lambda each: len(self._jobs[each]), default=caller)
        if len(self._jobs.get(most, ())) <= len(self._jobs.get(caller, ())) + 1:
            raise full
        refused = self._jobs[most][-1]
        self.discard(most, refused)
        refused.answer.set_exception(full)
