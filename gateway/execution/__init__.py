"""The engine: what happens to an operation between the socket and the schema, phase by phase.

parse → choose → limit → validate → coerce → (plan) → run → complete. All but `run` is plain computing:
it awaits nothing and needs no context, so it can be tested with strings.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from graphql import GraphQLSchema

from gateway.execution import depth_first
from gateway.execution.cache import DocumentCache
from gateway.execution.coerce import coerce
from gateway.execution.complete import Answer, complete, failed
from gateway.execution.depth_first import ContextFactory
from gateway.execution.document import choose, field_names, fragments_of, parse, validate
from gateway.execution.limits import Limits, check_limits
from gateway.execution.operation import Document, Operation, OperationRequest
from gateway.execution.text import check_literals


class Engine:
    """Runs operations on one schema."""

    def __init__(self, schema: GraphQLSchema, *, introspection: bool = True, limits: Limits | None = None) -> None:
        self.schema = schema
        self._introspection = introspection
        self._limits = limits or Limits()
        self._documents = DocumentCache()

    def prepare(self, request: OperationRequest) -> Operation:
        """Make the request ready to run, or raise `RequestErrors`."""
        key = (request.query, request.operation_name)
        document = self._documents.get(key)
        if document is None:
            document = self._read(*key)
            self._documents.put(key, document)
        variables = coerce(self.schema, document, request.variables, suggestions=self._introspection)
        return Operation(document, variables, request.extensions)

    def _read(self, text: str, operation_name: str | None) -> Document:
        parsed = parse(text)
        definition = choose(parsed, operation_name)
        check_limits(self.schema, parsed, self._limits)
        validate(self.schema, parsed, introspection=self._introspection)
        check_literals(parsed)
        fragments = fragments_of(parsed)
        return Document(definition, fragments, field_names(definition, fragments))

    async def run(self, operation: Operation, context: object) -> Answer:
        """Run a query or a mutation."""
        result = await depth_first.run(self.schema, operation, context)
        return complete(result, operation.name)

    async def subscribe(self, operation: Operation, contexts: ContextFactory) -> AsyncGenerator[Answer, None]:
        """Run a subscription: an answer per event. One without data is the last, and says why it ended."""
        try:
            async with aclosing(depth_first.subscribe(self.schema, operation, contexts)) as results:
                async for result in results:
                    yield complete(result, operation.name)
        except Exception as error:  # noqa: BLE001 - the boundary of a subscription's source
            yield failed(error, operation.name)
