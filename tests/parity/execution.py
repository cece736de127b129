"""The ways to run one operation: the engine's own, graphql-core's, and graphql-core's that tries everything."""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, Executor, GraphQLSchema, execute_root_selection_set, parse
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest
from tests.parity.comparison import Everything, Outcome, Possible


async def ours(engine: Engine, request: OperationRequest, context: object, root: object = None) -> Outcome:
    """What the engine makes of it, which must not hand it over."""
    operation = engine.prepare(request)
    assert engine.fallback(operation) is None
    return Outcome.of(await engine.execute(operation, context, root))


async def theirs(schema: GraphQLSchema, request: OperationRequest, context: object, root: object = None) -> Outcome:
    """What graphql-core makes of it, from the text on: nothing of the gateway takes part."""
    return Outcome.of(await _run(_executor(ExecutorThrowingOnIncremental, schema, request, context, root)))


async def possible(schema: GraphQLSchema, request: OperationRequest, context: object, root: object = None) -> Possible:
    """All errors that the operation could report."""
    executor: Everything = _executor(Everything, schema, request, context, root)
    await _run(executor)
    return executor.possible()


def _executor(of: Any, schema: GraphQLSchema, request: OperationRequest, context: object, root: object) -> Any:
    executor = of.build(schema, parse(request.query), root, context, dict(request.variables), request.operation_name)
    assert isinstance(executor, Executor), executor
    return executor


async def _run(executor: Executor[None]) -> ExecutionResult:
    result = execute_root_selection_set(executor)
    if isawaitable(result):
        result = await result
    while left := list(executor.background_futures):
        await asyncio.wait(left)
    assert isinstance(result, ExecutionResult)
    return result
