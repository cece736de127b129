"""Cancel an operation at each of its awaits in turn, as happens when a client disconnects or a deadline passes."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

Moment = Literal["waiting", "answered"]
"""When to cancel: while the task waits, or once the awaited result is there but before the task resumes."""

MOMENTS: tuple[Moment, ...] = ("waiting", "answered")

_present: contextvars.ContextVar[_Attempt | None] = contextvars.ContextVar("attempt", default=None)


class _Attempt:
    """One run. Its suspensions are counted across its task and all tasks that it starts."""

    def __init__(self, at: int, moment: Moment) -> None:
        self.at = at
        self.moment = moment
        self.suspensions = 0
        self.task: asyncio.Task[Any] | None = None
        self.begun: list[asyncio.Task[Any]] = []

    async def end(self) -> None:
        """Wait for tasks that were started and that nothing awaits."""
        await asyncio.sleep(0)
        while left := [task for task in self.begun if not task.done()]:
            await asyncio.wait(left)
            await asyncio.sleep(0)

    def give_up(self) -> None:
        assert self.task is not None
        self.task.cancel()


async def given_up(work: Callable[[], Coroutine[Any, Any, Any]], at: int, moment: Moment) -> bool:
    """Run `work` and cancel it at its n-th suspension, where n is `at`.

    Returns whether it got that far. Exceptions other than the cancellation are raised.
    """
    attempt = _Attempt(at, moment)
    context = contextvars.copy_context()
    context.run(_present.set, attempt)
    with _all_tasks_counted():
        attempt.task = context.run(asyncio.get_running_loop().create_task, work())
        with suppress(asyncio.CancelledError):
            await attempt.task
        await attempt.end()
    return attempt.suspensions >= at


async def at_every_await(
    work: Callable[[], Coroutine[Any, Any, Any]],
    moment: Moment,
    *,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], Awaitable[object]],
) -> int:
    """Run `work` again and again, cancelled one suspension later each time, until it completes.

    Returns the number of suspensions.
    """
    at = 0
    while True:
        before()
        was_cancelled = await given_up(work, at + 1, moment)
        await after()
        if not was_cancelled:
            return at
        at += 1


@contextmanager
def _all_tasks_counted() -> Iterator[None]:
    loop = asyncio.get_running_loop()
    usual = loop.get_task_factory()

    def made(loop: Any, work: Any, **options: Any) -> Any:
        attempt = _present.get()
        if attempt is None:
            return asyncio.Task(work, loop=loop, **options)
        task: asyncio.Task[Any] = asyncio.Task(_Counted(work, attempt), loop=loop, **options)
        attempt.begun.append(task)
        return task

    loop.set_task_factory(made)
    try:
        yield
    finally:
        loop.set_task_factory(usual)


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose suspensions are counted."""

    def __init__(self, work: Coroutine[Any, Any, Any], attempt: _Attempt) -> None:
        self._work = work
        self._attempt = attempt
        self._ends_when_answered = False

    def send(self, value: Any) -> Any:
        if not self._ends_when_answered:
            return self._counted(self._work.send(value))
        self._ends_when_answered = False
        if asyncio.current_task() is self._attempt.task:
            return self._counted(self._work.throw(asyncio.CancelledError()))
        self._attempt.give_up()
        return self._counted(self._work.send(value))

    def throw(self, *error: Any) -> Any:
        self._ends_when_answered = False
        return self._counted(self._work.throw(*error))

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()

    def _counted(self, awaited: Any) -> Any:
        attempt = self._attempt
        attempt.suspensions += 1
        if attempt.suspensions == attempt.at:
            if attempt.moment == "waiting":
                attempt.give_up()
            else:
                self._ends_when_answered = True
        return awaited
