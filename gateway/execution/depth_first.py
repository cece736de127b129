"""Running an operation object by object, with graphql-core: what cannot be planned, and sources of subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any

from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLSchema,
    create_source_event_stream,
    default_field_resolver,
    default_type_resolver,
    execute_root_selection_set,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental

from gateway.execution.operation import Operation


async def run(schema: GraphQLSchema, operation: Operation, context: object, root: object = None) -> ExecutionResult:
    """Run a query or mutation, or a subscription's selection on one event, which is then the root."""
    executor = _executor(schema, operation, context, root)
    try:
        result = execute_root_selection_set(executor)
        return await result if isawaitable(result) else result
    finally:
        await _settle(executor)


@asynccontextmanager
async def source(schema: GraphQLSchema, operation: Operation, context: object) -> AsyncIterator[AsyncIterable[Any]]:
    """The stream of events, whose `finally` blocks have run when this ends, however it ends."""
    created = create_source_event_stream(_executor(schema, operation, context, None))
    stream = await created if isawaitable(created) else created
    if isinstance(stream, ExecutionResult):
        raise (stream.errors or [GraphQLError("The subscription has no source.")])[0]
    try:
        yield stream
    finally:
        if (close := getattr(stream, "aclose", None)) is not None:
            await close()


def _executor(schema: GraphQLSchema, operation: Operation, context: object, root: object) -> Executor[None]:
    """Made without `Executor.build`, which would coerce the variables again, for each event."""
    document = operation.document
    return ExecutorThrowingOnIncremental(
        schema,
        dict(document.fragments),
        {name: FragmentDetails(node) for name, node in document.fragments.items()},
        root,
        context,
        document.definition,
        operation.variables,
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
    )


async def _settle(executor: Executor[None]) -> None:
    """End the resolvers whose result is no longer wanted, because a sibling failed where null is not allowed.

    graphql-core leaves them running; the context that they use is about to be released.
    """
    if abandoned := list(executor.background_futures):
        await asyncio.sleep(0)  # a coroutine that is cancelled before its first step was "never awaited"
        for future in abandoned:
            future.cancel()
        await asyncio.wait(abandoned)
