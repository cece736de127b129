"""What a document adds to the size of its response: repeated values, and the names of its fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

OBJECT_BYTES = 64
"""The size counted for an object of the response, besides the names and values of its fields."""

SHORT = frozenset({"Int", "Float", "Boolean", "BigInt", "DateTime", "Date"})
"""Scalars whose values are always short: they are counted with the objects that contain them."""


class SizeFactors(NamedTuple):
    """What a document adds to the size of its response, with its fragments expanded."""

    copies: int
    """The most times that it selects the same field of the same type, which may be the same value each time."""
    keys: int
    """Characters of all response keys, with the punctuation and short value of each."""


def size_factors(
    schema: GraphQLSchema, definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> SizeFactors:
    """Measure a valid operation."""
    walk = _Walk(schema, fragments)
    counts = walk.of(definition.selection_set, schema.get_root_type(definition.operation))
    return SizeFactors(max(counts.leaves.values(), default=1), counts.keys)


@dataclass(slots=True)
class _Counts:
    leaves: Counter[tuple[str, str]] = field(default_factory=Counter)
    keys: int = 0

    def add(self, other: _Counts) -> None:
        self.leaves.update(other.leaves)
        self.keys += other.keys


@dataclass(slots=True)
class _Walk:
    """Walks the selection sets of a valid document, each fragment once."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    known: dict[str, _Counts] = field(default_factory=dict)

    def of(self, node: SelectionSetNode, parent: GraphQLNamedType | None) -> _Counts:
        counts = _Counts()
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                self._add_field(counts, selection, parent)
            elif isinstance(selection, FragmentSpreadNode):
                counts.add(self._fragment(selection.name.value))
            else:
                condition = getattr(selection, "type_condition", None)
                on = self.schema.get_type(condition.name.value) if condition else parent
                counts.add(self.of(selection.selection_set, on))  # type: ignore[attr-defined]
        return counts

    def _add_field(self, counts: _Counts, node: FieldNode, parent: GraphQLNamedType | None) -> None:
        name = node.name.value
        counts.keys += key_bytes((node.alias or node.name).value)
        declared = self.schema.get_field(parent, name) if is_composite_type(parent) else None
        if declared is None:
            return
        of = get_named_type(declared.type)
        if node.selection_set is not None:
            counts.add(self.of(node.selection_set, of))
        elif not (isinstance(of, GraphQLEnumType) or of.name in SHORT):
            counts.leaves[str(parent), name] += 1

    def _fragment(self, name: str) -> _Counts:
        if name not in self.known:
            fragment = self.fragments[name]
            self.known[name] = self.of(fragment.selection_set, self.schema.get_type(fragment.type_condition.name.value))
        return self.known[name]


def key_bytes(key: str) -> int:
    """The size counted for a member of an object: its response key, punctuation and a short value."""
    return len(key) + 8
