"""Subscriptions: a source of events, and the operation run on each; on many at once where many wait."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from graphql import ExecutionResult, GraphQLSchema

from gateway.errors import Overloaded, TimedOut, Unavailable
from gateway.execution import depth_first
from gateway.execution.operation import Operation

ContextFactory = Callable[[], AbstractAsyncContextManager[Any]]
Run = Callable[[Operation, Any, Sequence[Any]], Awaitable[list[ExecutionResult]]]

MOST_TOGETHER = 20
"""So many events are run at once. What came of them is held until a client that reads slowly has taken it."""


class Together(list[Any]):
    """Events that wait at the same time. A source that yields them so lets the operation run once for all of them."""


async def subscribe(
    schema: GraphQLSchema, operation: Operation, contexts: ContextFactory, run: Run
) -> AsyncGenerator[ExecutionResult, None]:
    """A result for each event: one context for the source, and a fresh one for each run.

    A context that lived on would answer the second event from what its loaders cached for the first.
    """
    async with contexts() as context, depth_first.source(schema, operation, context) as events:
        async for found in events:
            waiting = found if isinstance(found, Together) else [found]
            for start in range(0, len(waiting), MOST_TOGETHER):
                async with contexts() as fresh:
                    results = await run(operation, fresh, waiting[start : start + MOST_TOGETHER])
                for result in results:
                    _refuse_to_spoil(result)
                    yield result


def _refuse_to_spoil(result: ExecutionResult) -> None:
    """An event whose content could not be had is not sent: the client comes back for it with its last cursor."""
    for error in result.errors or ():
        if isinstance(error.original_error, Overloaded | TimedOut | Unavailable):
            raise error
