"""Introspection: how much of the schema an operation may ask for, and answers that are kept.

The schema is the same for everyone, and asking costs the gateway a thousand times what it costs the client. So an
operation may ask for no more than twice what the standard introspection query asks for, and an operation that asks for
nothing but the schema is run once: its answer is kept by its text and its variables.
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
from gateway.execution.prepare.shown import OBJECT_BYTES, key_bytes

TIMES_STANDARD = 2
MOST_KEPT_BYTES = 4 * 1024**2

Kept = orjson.Fragment | TooLarge
"""The data of an answer, encoded, or why there is none."""


class Introspection:
    """What an engine knows of introspecting its schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.kept = DocumentCache[Kept](max_documents=200, max_weight=MOST_KEPT_BYTES)

    @functools.cached_property
    def most_bytes(self) -> int:
        """What the objects of introspection may come to in one operation, counted as in its budget."""
        standard = introspection_from_schema(
            self._schema,
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        )
        return TIMES_STANDARD * _counted(standard)

    def key(self, operation: Operation) -> Hashable | None:
        """What the answer to an operation is kept by; None if it is not to be kept."""
        document, values = operation.document, operation.variables.coerced
        if not document.asks_only_schema or not all(isinstance(value, SHAREABLE) for value in values.values()):
            return None
        assert document.definition.loc is not None  # noqa: S101 - it was parsed from a text
        # 1, 1.0 and True are equal as keys, and not as values.
        return document.definition.loc.source.body, document.name, repr(sorted(values.items()))

    def keep(self, key: Hashable, answer: Kept, weight: int) -> None:
        """Keep an answer for as long as there is room."""
        self.kept.put(key, answer, weight)


def asks_only_schema(definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> bool:
    """Whether every root field of a valid operation is one of introspection."""
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
