"""What a document shows: what it can make of one value, and what its names come to."""

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
"""What an object of the response counts, besides the names of its fields and their values."""

SHORT = frozenset({"Int", "Float", "Boolean", "BigInt", "DateTime", "Date"})
"""Scalars whose values are short, whatever is stored: they are counted with the objects that show them."""


class Shown(NamedTuple):
    """What a document shows, with its fragments expanded."""

    copies: int
    """How often at most it shows the same field of the same type, which may be the same value."""
    keys: int
    """Characters of the names of all fields in the response, with what stands around each."""


def shown(
    schema: GraphQLSchema, definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Shown:
    """What a valid operation shows."""
    walk = _Walk(schema, fragments)
    found = walk.of(definition.selection_set, schema.get_root_type(definition.operation))
    return Shown(max(found.leaves.values(), default=1), found.keys)


@dataclass(slots=True)
class _Found:
    leaves: Counter[tuple[str, str]] = field(default_factory=Counter)
    keys: int = 0

    def add(self, other: _Found) -> None:
        self.leaves.update(other.leaves)
        self.keys += other.keys


@dataclass(slots=True)
class _Walk:
    """Goes through the selections of a valid document, each fragment once."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    known: dict[str, _Found] = field(default_factory=dict)

    def of(self, node: SelectionSetNode, parent: GraphQLNamedType | None) -> _Found:
        found = _Found()
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                self._add_field(found, selection, parent)
            elif isinstance(selection, FragmentSpreadNode):
                found.add(self._fragment(selection.name.value))
            else:
                condition = getattr(selection, "type_condition", None)
                on = self.schema.get_type(condition.name.value) if condition else parent
                found.add(self.of(selection.selection_set, on))  # type: ignore[attr-defined]
        return found

    def _add_field(self, found: _Found, node: FieldNode, parent: GraphQLNamedType | None) -> None:
        name = node.name.value
        found.keys += key_bytes((node.alias or node.name).value)
        declared = self.schema.get_field(parent, name) if is_composite_type(parent) else None
        if declared is None:
            return
        of = get_named_type(declared.type)
        if node.selection_set is not None:
            found.add(self.of(node.selection_set, of))
        elif not (isinstance(of, GraphQLEnumType) or of.name in SHORT):
            found.leaves[str(parent), name] += 1

    def _fragment(self, name: str) -> _Found:
        if name not in self.known:
            fragment = self.fragments[name]
            self.known[name] = self.of(fragment.selection_set, self.schema.get_type(fragment.type_condition.name.value))
        return self.known[name]


def key_bytes(key: str) -> int:
    """What a member of an object counts besides its value: its name, and a short value."""
    return len(key) + 8
