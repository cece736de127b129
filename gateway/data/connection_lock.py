"""Serializes the use of an operation's single connection by its tasks, first come, first served."""

from __future__ import annotations

import asyncio
from typing import Any, cast


class ConnectionLock:
    """A FIFO lock that knows its tasks, so that they can be cancelled when the operation ends."""

    __slots__ = ("tasks",)

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[Any], asyncio.Future[None] | None] = {}
        """The first task holds the lock. Each of the others waits for its future."""

    def acquire_now(self) -> asyncio.Task[Any] | None:
        """Acquire the lock for the current task and return the task, or return None if another task holds it."""
        if self.tasks:
            return None
        task: Any = asyncio.current_task()
        self.tasks[task] = None
        return task  # type: ignore[no-any-return]

    async def acquire(self) -> asyncio.Task[Any]:
        """Acquire the lock for the current task, after the tasks before it have released it.

        Raises `RuntimeError` if the task already holds it.
        """
        if (first := self.acquire_now()) is not None:
            return first
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        if task in self.tasks:
            raise RuntimeError("The task awaits another statement of the operation inside its transaction.")
        turn = self.tasks[task] = asyncio.get_running_loop().create_future()
        try:
            await turn
        except BaseException:
            self.release(task)
            raise
        return task

    def release(self, task: asyncio.Task[Any]) -> None:
        """Release the lock and pass it to the next task, or stop waiting for it."""
        tasks = self.tasks
        was_first = next(iter(tasks)) is task
        del tasks[task]
        if was_first and tasks:
            turn = next(iter(tasks.values()))
            # A cancelled task passes the lock on by itself.
            if turn is not None and not turn.done():
                turn.set_result(None)
