"""Running an operation level by level.

Down: `run.py` gives each selection its objects and their steps. Up: from the last selection to the first, generated
functions build the response. Only if something has failed on the way is it built once more, in pieces, and settled.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphql import ExecutionResult, GraphQLSchema

from gateway.execution.operation import Operation
from gateway.execution.plan import Plan
from gateway.execution.run import OnField, Run, Scope
from gateway.execution.settle import build_partials, settled


async def run(
    schema: GraphQLSchema,
    operation: Operation,
    plan: Plan,
    context: object,
    roots: Sequence[object] = (None,),
    on_field: OnField | None = None,
) -> list[ExecutionResult]:
    """Run a query or a mutation, or a subscription's selection on several events at once: a result for each root."""
    results: list[ExecutionResult] = []
    for selection in plan.turns:
        turn = Run(schema, operation.document, operation.variables, context, root=roots[0], on_field=on_field)
        top = turn.open(selection, roots)
        await turn.drain()
        answers = _answers(turn, top)
        results = list(map(_joined, results, answers)) if results else answers
        if results[0].data is None:
            break
    # A mutation of which every field is skipped has no turn.
    return results or [ExecutionResult({}, None) for _ in roots]


def _answers(run: Run, top: Scope) -> list[ExecutionResult]:
    """What came of a turn, for each root."""
    if not run.failed:
        try:
            for scope in reversed(run.scopes):
                if scope.sources:
                    _build(scope)
        except Exception:  # noqa: BLE001, S110 - the boundary of a field: which one it was is found out in pieces
            pass
        else:
            return [ExecutionResult(data, None) for data in top.results]
    for scope in reversed(run.scopes):
        if scope.sources:
            scope.results = build_partials(scope)
    return [settled(partial) for partial in top.results]


def _build(scope: Scope) -> None:
    """Build the objects of a scope, and let go of what they were made of: a wide operation holds much of it."""
    selection = scope.selection
    ends = [step.end(scope, place) for place, step in enumerate(selection.steps)]
    scope.results = selection.build(scope.sources, *ends)
    scope.sources, scope.states = (), []


def _joined(before: ExecutionResult, after: ExecutionResult) -> ExecutionResult:
    """The result of two turns, the later of which may have ended the operation."""
    data = None if after.data is None else {**(before.data or {}), **after.data}
    return ExecutionResult(data, [*(before.errors or ()), *(after.errors or ())] or None)
