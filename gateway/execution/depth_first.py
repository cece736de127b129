"""Run an operation object by object, with graphql-core: operations without a plan, and subscription sources."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any

from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    create_source_event_stream,
    default_field_resolver,
    default_type_resolver,
    execute_root_selection_set,
    is_introspection_type,
)

from gateway.execution.budget import Budget, unbounded
from gateway.execution.introspection import introspects_too_much
from gateway.execution.operation import Operation
from gateway.execution.prepare.response_size import OBJECT_BYTES, key_bytes
from gateway.schema.graphql_private import ExecutorThrowingOnIncremental, FragmentDetails


async def run(
    schema: GraphQLSchema,
    operation: Operation,
    context: object,
    root: object = None,
    budget: Budget | None = None,
    introspection_bytes: float = math.inf,
) -> ExecutionResult:
    """Run a query or mutation, or a subscription's selection set with an event as the root."""
    executor = _executor(schema, operation, context, root)
    executor.budget = budget or unbounded()
    executor.introspection_left = introspection_bytes
    try:
        result = execute_root_selection_set(executor)
        return await result if isawaitable(result) else result
    finally:
        await _settle(executor)


@asynccontextmanager
async def source(schema: GraphQLSchema, operation: Operation, context: object) -> AsyncIterator[AsyncIterable[Any]]:
    """Open the source stream. It is closed at the end of the block, so its `finally` blocks have run by then."""
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

    budget: Budget
    introspection_left: float

    def execute_fields(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Any, grouped_field_set: Any, *rest: Any
    ) -> Any:
        size = OBJECT_BYTES + sum(map(key_bytes, grouped_field_set))
        self.budget.add_objects(1, size)
        if is_introspection_type(parent_type):
            self.introspection_left -= size
            if self.introspection_left < 0:
                self.budget.failure = introspects_too_much()
                raise self.budget.failure
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, *rest)


def _executor(schema: GraphQLSchema, operation: Operation, context: object, root: object) -> _CountingExecutor:
    """Make an executor without `Executor.build`, which would coerce the variables again for each event."""
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
    """Cancel resolvers whose results are no longer needed, because a non-null sibling failed.

    graphql-core leaves them running, but the context that they use is about to be released.
    """
    if abandoned := list(executor.background_futures):
        await asyncio.sleep(0)  # a coroutine that is cancelled before its first step would warn "never awaited"
        for future in abandoned:
            future.cancel()
        await asyncio.wait(abandoned)
