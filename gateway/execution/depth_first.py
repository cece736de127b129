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

from gateway.data.budget import OBJECT_BYTES, Budget, unbounded
from gateway.execution.operation import Operation
from gateway.execution.size import key_bytes


async def run(
    schema: GraphQLSchema, operation: Operation, context: object, root: object = None, budget: Budget | None = None
) -> ExecutionResult:
    """Run a query or mutation, or a subscription's selection on one event, which is then the root."""
    executor = _executor(schema, operation, context, root)
    executor.budget = budget or unbounded()
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


class _CountingExecutor(ExecutorThrowingOnIncremental):
    """Counts the objects of the response."""

    budget = unbounded()

    def execute_fields(self, *arguments: Any, **options: Any) -> Any:
        fields = arguments[3] if len(arguments) > 3 else options["grouped_field_set"]
        self.budget.add_objects(1, OBJECT_BYTES + sum(map(key_bytes, fields)))
        return super().execute_fields(*arguments, **options)


def _executor(schema: GraphQLSchema, operation: Operation, context: object, root: object) -> _CountingExecutor:
    """Made without `Executor.build`, which would coerce the variables again, for each event."""
    document = operation.document
    return _CountingExecutor(
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
