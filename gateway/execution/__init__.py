"""The engine: everything that happens to an operation between the transport and the schema, stage by stage.

parse → choose → limit → validate → cost → coerce → (plan) → run → complete. Every stage but `run` is pure: it awaits
nothing and needs no context, so it can be tested with strings.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLSchema, OperationType

from gateway.errors import TimedOut, TooLarge
from gateway.execution import breadth_first, depth_first
from gateway.execution.budget import Budget, Budgets, fits_if_small
from gateway.execution.complete import Answer, Large, complete
from gateway.execution.introspection import Introspection, asks_only_schema
from gateway.execution.operation import Document, Operation
from gateway.execution.planner import Plans
from gateway.execution.prepare.access import plan_access
from gateway.execution.prepare.cache import DocumentCache
from gateway.execution.prepare.coerce import compile_coercion
from gateway.execution.prepare.cost import plan_cost
from gateway.execution.prepare.document import choose, field_names, fragments_of, parse, validate
from gateway.execution.prepare.limits import INTROSPECTION, Limits, check_limits
from gateway.execution.prepare.persisted import key_of, text_of
from gateway.execution.prepare.request import OperationRequest
from gateway.execution.prepare.response_size import size_factors
from gateway.execution.prepare.text import check_literals, check_variables
from gateway.execution.run.plan import Plan
from gateway.execution.size import check_counted, check_size, hold_text
from gateway.execution.subscribe import Ran
from gateway.fairness.shares import OPERATIONS_OF_ONE, Held, Shares
from gateway.fairness.turns import Turns

PIECE_BYTES = 512 * 1024
"""How much of a large response is written before others may run."""


class Engine:
    """Runs operations on one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        introspection: bool = True,
        limits: Limits | None = None,
        breadth_first: bool = True,
        deadline_seconds: float | None = None,
        operation_bytes: int = 16 * 1024**2,
    ) -> None:
        self.schema = schema
        self.ways: Counter[tuple[str, str]] = Counter()
        """How many operations of each kind ran breadth-first, or why they did not."""
        self._turns = Turns()
        self.budgets = Budgets(deadline_seconds, operation_bytes)
        self.unread = Shares(OPERATIONS_OF_ONE * operation_bytes)
        """What callers hold by not reading what is sent to their sockets and streams."""
        self._breadth_first = breadth_first
        self._introspection = introspection
        self._limits = limits or Limits()
        self.introspected = Introspection(schema)
        self.documents = DocumentCache[Document]()
        """The cache of prepared documents."""

    def prepare(self, request: OperationRequest) -> Operation:
        """Prepare the request to run, or raise `RequestErrors`."""
        key = key_of(request)
        document = self.documents.get(key)
        if document is None:
            text = text_of(request)
            document = self._read(text, request.operation_name)
            self.documents.put(key, document, len(text))
        if not request.storable:
            check_variables(request.variables)
        variables = document.coerce(request.variables)
        document.cost.check(variables.coerced)
        return Operation(document, variables, request.extensions)

    def _read(self, text: str, operation_name: str | None) -> Document:
        parsed = parse(text)
        definition = choose(parsed, operation_name)
        check_limits(self.schema, parsed, self._limits)
        validate(self.schema, parsed, introspection=self._introspection)
        check_literals(parsed)
        fragments = fragments_of(parsed)
        coerce = compile_coercion(self.schema, definition, suggestions=self._introspection)
        cost = plan_cost(self.schema, definition, fragments, self._limits)
        factors = size_factors(self.schema, definition, fragments)
        repeats = factors.copies > 1 and definition.operation is not OperationType.QUERY
        names = field_names(definition, fragments)
        return Document(
            definition,
            definition.name.value if definition.name else None,
            definition.operation.value,
            fragments,
            names,
            coerce,
            cost,
            Plans(self.schema, definition, fragments, names),
            factors,
            not repeats and fits_if_small(*factors, self.budgets.limit),
            asks_only_schema(definition, fragments),
            plan_access(self.schema, definition, fragments),
        )

    async def run(self, operation: Operation, context: object) -> Answer:
        """Run a query or a mutation. If the answer is large, call `write` next: it holds some of its caller's share."""
        if operation.document.asks_only_schema and (key := self.introspected.key(operation)) is not None:
            return await self._introspect(operation, context, key)
        (result,), held = await self._run(operation, context, (None,))
        answer = complete(result, operation.name)
        return answer if held is None else answer._replace(held=held)

    async def write(self, answer: Answer, caller: Hashable) -> None:
        """Encode a large answer part by part, and let others run in between. `Answer.bytes` reports failures."""
        if type(answer.data) is not Large:
            return
        written = 0
        with suppress(orjson.JSONEncodeError):
            for size in answer.data.shrink():
                written += size
                if written >= PIECE_BYTES:
                    written = 0
                    await self._turns.next(caller)

    async def _introspect(self, operation: Operation, context: object, key: Hashable) -> Answer:
        """Answer an operation that selects only introspection, from the cache that all callers share."""
        kept = self.introspected.kept.get(key)
        if isinstance(kept, TooLarge):
            raise TooLarge(kept.message)
        if kept is not None:
            return Answer(kept)
        try:
            text = self._read_schema(operation, context)
            if text is None:
                (result,), _ = await self._run(operation, context, (None,))
                if result.errors:
                    return complete(result, operation.name)
                text = orjson.dumps(result.data)
        except TooLarge as error:
            self.introspected.keep(key, error.with_traceback(None), len(str(key)))
            raise
        self.introspected.keep(key, orjson.Fragment(text), len(text) + len(str(key)))
        return Answer(orjson.Fragment(text))

    def _read_schema(self, operation: Operation, context: object) -> bytes | None:
        """The data of an operation that selects only introspection, as JSON; None if it must run depth-first."""
        plan = self._plan(operation)
        if not self._breadth_first or not isinstance(plan, str):
            return None
        with self.budgets.begin(context) as budget:
            self.ways[operation.kind, plan] += 1
            text = self.introspected.read(operation, budget)
            if text is None:
                self.ways[operation.kind, plan] -= 1  # it will be counted when it runs
            else:
                hold_text(len(text), budget)
        return text

    async def execute(self, operation: Operation, context: object, root: object = None) -> ExecutionResult:
        """Run a query or a mutation, or a subscription's selection set with an event as the root."""
        (result,), _ = await self._run(operation, context, [root])
        return result

    def source(self, operation: Operation, context: object) -> AbstractAsyncContextManager[AsyncIterable[Any]]:
        """Open a subscription's source stream for the duration of the block."""
        return depth_first.source(self.schema, operation, context)

    async def run_events(self, operation: Operation, context: object, events: Sequence[object]) -> Ran:
        """Run a subscription's selection set on several events at once."""
        results, held = await self._run(operation, context, events)
        return Ran.of(results, operation.name)._replace(held=held)

    async def _run(
        self, operation: Operation, context: object, roots: Sequence[object]
    ) -> tuple[list[ExecutionResult], Held | None]:
        """Run the operation on each root. Returns the results, and what they hold of the caller's share."""
        plan, document = self._plan(operation), operation.document
        try:
            with self.budgets.begin(context) as budget:
                if (tenant := getattr(context, "tenant", None)) is not None:
                    tenant.allowance = budget
                if isinstance(plan, str):
                    self.ways[document.kind, plan] += 1
                    results = await self._depth_first(operation, context, roots, budget)
                    check_size(results, budget)
                else:
                    self.ways[document.breadth_first] += 1
                    results = await breadth_first.run(self.schema, operation, plan, context, roots, self._turns, budget)
                    if budget.is_small and document.fits_if_small:
                        return results, None
                    check_counted(operation, results, budget)
                return results, budget.close()
        except TooLarge as error:
            raise TooLarge(error.message, **_outcome(operation), **error.extensions) from None
        except TimeoutError:
            # Other timeouts are errors of their fields.
            raise TimedOut(
                f"The operation took longer than {self.budgets.seconds:g} seconds and was ended.",
                **_outcome(operation),
            ) from None

    async def _depth_first(
        self, operation: Operation, context: object, roots: Sequence[object], budget: Budget
    ) -> list[ExecutionResult]:
        most = self.introspected.most_bytes if INTROSPECTION & operation.field_names else math.inf
        return [await depth_first.run(self.schema, operation, context, root, budget, most) for root in roots]

    def fallback(self, operation: Operation) -> str | None:
        """Why the operation runs depth-first; None if it runs breadth-first."""
        plan = self._plan(operation)
        return plan if isinstance(plan, str) else None

    def _plan(self, operation: Operation) -> Plan | str:
        return operation.document.plans.plan(operation.variables) if self._breadth_first else "it was chosen so"


def _outcome(operation: Operation) -> dict[str, str]:
    return {"outcome": "unknown"} if operation.kind == "mutation" else {}
