"""Run an operation level by level.

On the way down, `run.py` collects the objects of each selection and the values of its steps. On the way up, from the
last selection to the first, generated functions build the response. If anything failed, the response is built once more
in pieces, and its errors are settled.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphql import ExecutionResult, GraphQLSchema

from gateway.execution.budget import Budget, unbounded
from gateway.execution.complete import Large
from gateway.execution.operation import Operation
from gateway.execution.run.plan import Plan, numbered
from gateway.execution.run.run import LARGE_BYTES, OnField, Run, Scope
from gateway.execution.run.settle import build_partials, settled
from gateway.fairness.turns import Turns

PART = 200
"""How many objects are built at a time. Their rows take as much memory as they do, and are released after each part."""


async def run(
    schema: GraphQLSchema,
    operation: Operation,
    plan: Plan,
    context: object,
    roots: Sequence[object] = (None,),
    turns: Turns | None = None,
    budget: Budget | None = None,
    on_field: OnField | None = None,
) -> list[ExecutionResult]:
    """Run a query or a mutation, or a subscription's selection set on several events at once: a result for each root.

    A large operation shares the event loop with others by `turns`.
    """
    results: list[ExecutionResult] = []
    for phase in plan.phases:
        running = Run(
            schema, operation.document, operation.variables, context, roots[0], turns, budget or unbounded(), on_field
        )
        data = None
        if phase.straight is not None and on_field is None and len(roots) == 1:
            data = await phase.straight(running)
        if data is None:
            top = running.open(phase.selection, roots)
            await running.drain()
            of_phase = await answers(running, top)
        else:
            of_phase = [ExecutionResult(data, None)]
        results = list(map(_joined, results, of_phase)) if results else of_phase
        if results[0].data is None:
            break
    # A mutation whose root fields are all skipped has no phase.
    return results or [ExecutionResult({}, None) for _ in roots]


async def answers(run: Run, top: Scope) -> list[ExecutionResult]:
    """Build the results of a phase, one for each root."""
    is_large = run.budget.objects >= LARGE_BYTES
    if is_large:
        _let_go(run)
    if not run.failed:
        try:
            for scope in reversed(run.scopes):
                if is_large and len(scope.sources) > PART:
                    await _build_parts(run, scope)
                elif scope.sources:
                    _build(scope)
        except Exception:  # noqa: BLE001, S110 - the boundary of a field: building in pieces shows which one failed
            pass
        else:
            return [ExecutionResult(Large(data) if is_large else data, None) for data in top.results]
    for scope in reversed(run.scopes):
        if scope.sources:
            scope.results = build_partials(scope)
    return [settled(partial) for partial in top.results]


def _let_go(run: Run) -> None:
    """Release the sources that no member is read from, such as pages, which would keep their rows in memory."""
    for scope in run.scopes:
        if not scope.selection.reads_objects:
            scope.sources = [None] * len(scope.sources)


def _build(scope: Scope) -> None:
    """Build the objects of a scope."""
    selection = scope.selection
    ends = [step.end(scope, slot) for slot, step in numbered(selection.steps)]
    scope.results = selection.build(scope.sources, *ends)
    scope.sources, scope.states = (), []  # type: ignore[assignment]


async def _build_parts(run: Run, scope: Scope) -> None:
    """Build the objects of a scope part by part, and release the sources of each: a wide operation holds many."""
    selection = scope.selection
    ends = [step.end(scope, slot) for slot, step in numbered(selection.steps)]
    scope.sources = sources = list(scope.sources)
    for first in range(0, len(sources), PART):
        await run.yield_to_others()
        part = slice(first, first + PART)
        scope.results += selection.build(sources[part], *(end[part] for end in ends))
        sources[part] = [None] * len(sources[part])
    scope.sources, scope.states = (), []  # type: ignore[assignment]


def _joined(before: ExecutionResult, after: ExecutionResult) -> ExecutionResult:
    """Join the results of two phases. If the later one has no data, the operation has none."""
    data = None if after.data is None else {**(before.data or {}), **after.data}
    return ExecutionResult(data, [*(before.errors or ()), *(after.errors or ())] or None)
