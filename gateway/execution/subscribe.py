"""Subscriptions: run the operation on each event of a source, or on many at once if many are waiting."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from graphql import ExecutionResult

from gateway.errors import Overloaded, TimedOut, TooLarge, Unavailable
from gateway.execution.complete import Answer, complete, failed
from gateway.execution.operation import Operation
from gateway.fairness.shares import Held

ContextFactory = Callable[[], AbstractAsyncContextManager[Any]]

MOST_TOGETHER = 20
"""How many events are run at once. Their answers stay in memory until the client has read them, however slowly."""


class Together(list[Any]):
    """Events that wait at the same time. If a source yields them so, the operation runs once for all of them."""


Run = Callable[[Operation, Any, Sequence[Any]], Awaitable["Ran"]]


class Ran(NamedTuple):
    """The answers to events that were run at once."""

    answers: list[Answer]
    """One for each event before the first that could not be read."""
    spoilt: Exception | None
    """Why that event could not be read. It must not be sent as null, nor any later event be sent."""
    held: Held | None = None
    """What large answers take of the caller's share, as long as this object is referenced."""

    @classmethod
    def of(cls, results: Sequence[ExecutionResult], operation_name: str | None) -> Ran:
        """The answers to send."""
        answers: list[Answer] = []
        for result in results:
            for error in result.errors or ():
                if isinstance(error.original_error, Overloaded | TimedOut | Unavailable):
                    return cls(answers, error)
            answers.append(complete(result, operation_name))
        return cls(answers, None)


async def respond(
    operation: Operation, source: AsyncIterable[Any], contexts: ContextFactory, run: Run
) -> AsyncGenerator[Answer, None]:
    """Yield an answer for each event of a source, run in a fresh context. An answer without data says why it ended.

    With a shared context, loaders would answer the second event from what they cached for the first.
    """
    try:
        async for event in source:
            left, at_once = list(event) if isinstance(event, Together) else [event], MOST_TOGETHER
            while left:
                try:
                    async with contexts() as fresh:
                        ran = await run(operation, fresh, left[:at_once])
                except TooLarge:
                    if min(at_once, len(left)) == 1:
                        raise
                    at_once = 1  # each event may be small enough by itself
                    continue
                for answer in ran.answers:
                    yield answer
                if ran.spoilt is not None:
                    raise ran.spoilt
                del left[:at_once]
    except Exception as error:  # noqa: BLE001 - the boundary of a subscription's source
        yield failed(error, operation.name)
