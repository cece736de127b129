"""Subscriptions: a source of events, and the operation run on each; on many at once where many wait."""

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
"""So many events are run at once. What came of them is held until a client that reads slowly has taken it."""


class Together(list[Any]):
    """Events that wait at the same time. A source that yields them so lets the operation run once for all of them."""


Run = Callable[[Operation, Any, Sequence[Any]], Awaitable["Ran"]]


class Ran(NamedTuple):
    """What came of events that were run at once."""

    answers: list[Answer]
    """Of the events up to the first that could not be read."""
    spoilt: Exception | None
    """Why that one could not: it must not be sent as null, and nothing behind it."""
    held: Held | None = None
    """What large answers take of the caller's share, for as long as somebody refers to this."""

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
    """An answer for each event of a source, each run in a fresh context. One without data says why it ended.

    A context that lived on would answer the second event from what its loaders cached for the first.
    """
    try:
        async for found in source:
            left, at_once = list(found) if isinstance(found, Together) else [found], MOST_TOGETHER
            while left:
                try:
                    async with contexts() as fresh:
                        ran = await run(operation, fresh, left[:at_once])
                except TooLarge:
                    if min(at_once, len(left)) == 1:
                        raise
                    at_once = 1  # each of them may be small enough by itself
                    continue
                for answer in ran.answers:
                    yield answer
                if ran.spoilt is not None:
                    raise ran.spoilt
                del left[:at_once]
    except Exception as error:  # noqa: BLE001 - the boundary of a subscription's source
        yield failed(error, operation.name)
