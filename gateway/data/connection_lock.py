"""Who of an operation's tasks uses its one connection: one at a time, in the order in which they came."""

from __future__ import annotations

import asyncio
from typing import Any, cast


class ConnectionLock:
    """A first-in, first-out lock that knows its tasks, so that they can be cancelled when the operation is over."""

    __slots__ = ("tasks",)

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[Any], asyncio.Future[None] | None] = {}
        """The first has the lock, and each of the others a future that it waits for."""

    def acquire_now(self) -> asyncio.Task[Any] | None:
        """Acquire it for the present task, and return that; or None if another has it."""
        if self.tasks:
            return None
        task: Any = asyncio.current_task()
        self.tasks[task] = None
        return task  # type: ignore[no-any-return]

    async def acquire(self) -> asyncio.Task[Any]:
        """Acquire it for the present task, once those before it have released it.

        Raises `RuntimeError` if the task has it already.
        """
        if (first := self.acquire_now()) is not None:
            return first
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        if task in self.tasks:
            raise RuntimeError("Something else of the operation is awaited inside of its transaction.")
        turn = self.tasks[task] = asyncio.get_running_loop().create_future()
        try:
            await turn
        except BaseException:
            self.release(task)
            raise
        return task

    def release(self, task: asyncio.Task[Any]) -> None:
        """Pass it on to the next task, if this one had it; or no longer wait for it."""
        tasks = self.tasks
        was_first = next(iter(tasks)) is task
        del tasks[task]
        if was_first and tasks:
            turn = next(iter(tasks.values()))
            # One that has been cancelled passes on by itself.
            if turn is not None and not turn.done():
                turn.set_result(None)
