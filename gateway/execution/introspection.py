"""Introspection: the limit on what an operation may ask of the schema, and the cache of answers.

The schema is the same for everyone, and introspection costs the gateway a thousand times what it costs the client. So
an operation may ask for at most twice what the standard introspection query does, and an operation that asks for
nothing else is run once: its answer is cached by its text and its variables.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Mapping

import orjson
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableValues,
    get_introspection_query,
)

from gateway.errors import TooLarge
from gateway.execution.budget import Budget
from gateway.execution.collect import condition_variables
from gateway.execution.operation import Operation
from gateway.execution.prepare.cache import DocumentCache
from gateway.execution.prepare.document import ParsedOperation, choose, field_names, fragments_of, parse
from gateway.execution.prepare.inputs import SHAREABLE
from gateway.execution.prepare.limits import INTROSPECTION
from gateway.execution.schema_reader import SchemaReader

TIMES_STANDARD = 2
MOST_KEPT_BYTES = 8 * 1024**2
SHARE_OF_ONE = 2
"""One answer may fill half of the cache: the whole schema has two megabytes with sixty more types."""

RICHEST = dict.fromkeys(
    ("specified_by_url", "directive_is_repeatable", "schema_description", "input_value_deprecation"), True
)
"""What the standard query may ask for."""

Kept = orjson.Fragment | TooLarge
"""The encoded data of an answer, or why there is none."""


class Introspection:
    """The introspection limit and the cached answers of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.kept = DocumentCache[Kept](max_documents=200, max_weight=MOST_KEPT_BYTES, share_of_one=SHARE_OF_ONE)

    @functools.cached_property
    def most_bytes(self) -> int:
        """The maximum size of one operation's introspection objects, as its budget counts them."""
        parsed = parse(get_introspection_query(**RICHEST))
        definition, fragments = choose(parsed, None), fragments_of(parsed)
        standard = ParsedOperation(definition, None, "query", fragments, field_names(definition, fragments))
        size = 0

        def count(_: int, described: int) -> None:
            nonlocal size
            size += described

        SchemaReader(self._schema, standard, VariableValues({}, {}), count).read()
        return TIMES_STANDARD * size

    def key(self, operation: Operation) -> Hashable | None:
        """The cache key of an operation's answer; None if the answer must not be cached."""
        document, values = operation.document, operation.variables.coerced
        if not document.asks_only_schema or not all(isinstance(value, SHAREABLE) for value in values.values()):
            return None
        assert document.definition.loc is not None  # noqa: S101 - it was parsed from a text
        # 1, 1.0 and True are equal as keys, but not as values.
        return document.definition.loc.source.body, document.name, repr(sorted(values.items()))

    def keep(self, key: Hashable, answer: Kept, weight: int) -> None:
        """Cache an answer, as long as there is room."""
        self.kept.put(key, answer, weight)

    def read(self, operation: Operation, budget: Budget) -> bytes | None:
        """The data of an operation that asks only for the schema, as JSON.

        Returns None if graphql-core must answer, because an argument or a condition is null and may not be. Raises
        `TooLarge` above the limit, and what the budget raises.
        """
        document, variables = operation.document, operation.variables
        conditions = condition_variables(document.definition, document.fragments)
        if not all(isinstance(variables.coerced.get(name), bool) for name in conditions):
            return None
        left = self.most_bytes

        def count(size: int, described: int) -> None:
            nonlocal left
            budget.add_objects(1, size)
            left -= described
            if left < 0:
                raise introspects_too_much()

        try:
            return orjson.dumps(SchemaReader(self._schema, document, variables, count).read())
        except GraphQLError:
            return None


def introspects_too_much() -> TooLarge:
    """The error of an operation that exceeds the introspection limit."""
    return TooLarge(
        "The operation introspects more than twice what the standard introspection query does. "
        "Ask for less of the schema at a time."
    )


def asks_only_schema(definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> bool:
    """Whether a valid operation selects introspection at its root, and nothing else."""
    names = set(_root_fields(definition.selection_set, fragments, set()))
    return bool(names & INTROSPECTION) and names <= INTROSPECTION | {"__typename"}


def _root_fields(
    node: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[str]:
    for selection in node.selections:
        if isinstance(selection, FieldNode):
            yield selection.name.value
        elif not isinstance(selection, FragmentSpreadNode):
            yield from _root_fields(selection.selection_set, fragments, seen)  # type: ignore[attr-defined]
        elif (name := selection.name.value) not in seen:
            seen.add(name)
            yield from _root_fields(fragments[name].selection_set, fragments, seen)
