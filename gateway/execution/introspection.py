"""Introspection: the limit on what an operation may ask of the schema, and the cache of answers.

The schema is the same for everyone, and introspection costs the gateway a thousand times what it costs the client. So
an operation may ask for at most twice what the standard introspection query does, and an operation that asks for
nothing else is run once: its answer is cached by its text and its variables.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import orjson
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    introspection_from_schema,
)

from gateway.errors import TooLarge
from gateway.execution.operation import Operation
from gateway.execution.prepare.cache import DocumentCache
from gateway.execution.prepare.inputs import SHAREABLE
from gateway.execution.prepare.limits import INTROSPECTION
from gateway.execution.prepare.response_size import OBJECT_BYTES, key_bytes

TIMES_STANDARD = 2
MOST_KEPT_BYTES = 4 * 1024**2

Kept = orjson.Fragment | TooLarge
"""The encoded data of an answer, or why there is none."""


class Introspection:
    """The introspection limit and the cached answers of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.kept = DocumentCache[Kept](max_documents=200, max_weight=MOST_KEPT_BYTES)

    @functools.cached_property
    def most_bytes(self) -> int:
        """The maximum size of one operation's introspection objects, as its budget counts them."""
        standard = introspection_from_schema(
            self._schema,
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        )
        return TIMES_STANDARD * _counted(standard)

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


def _counted(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_counted, value))
    if not isinstance(value, dict):
        return 0
    return OBJECT_BYTES + sum(map(key_bytes, value)) + sum(map(_counted, value.values()))
