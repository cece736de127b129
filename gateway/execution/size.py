"""How large a response is: what a document can make of one value, and what data come to as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from graphql import (
    ExecutionResult,
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

from gateway.execution.budget import FREE_BYTES, Budget
from gateway.execution.complete import Large

if TYPE_CHECKING:
    from gateway.execution.operation import Operation

OBJECT_BYTES = 64
"""What an object of the response counts, besides the names of its fields and their values."""

SHORT = frozenset({"Int", "Float", "Boolean", "BigInt", "DateTime", "Date"})
"""Scalars whose values are short, whatever is stored: they are counted with the objects that show them."""


class Shown(NamedTuple):
    """What a document shows, its fragments expanded."""

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


def size_of(value: Any, most: int) -> int:
    """The bytes of a value of a response as JSON. Anything above `most` stands for more than that."""
    if isinstance(value, dict):
        total = 2
        for key, member in value.items():
            total += len(key) + 4 + size_of(member, most - total)
            if total > most:
                return total
        return total
    if isinstance(value, list):
        total = 2
        for item in value:
            total += 1 + size_of(item, most - total)
            if total > most:
                return total
        return total
    if value is None or value is True or value is False:
        return 5
    return len(orjson.dumps(value))


def check_counted(operation: Operation, results: Sequence[ExecutionResult], budget: Budget) -> None:
    """As `check_size`, where what the response was made of was counted: if that leaves a doubt."""
    copies, keys = operation.document.shown
    # What a mutation or an event shows may come from elsewhere than the database.
    repeats = copies > 1 and operation.kind != "query"
    if budget.failure is not None or repeats or budget.may_exceed(copies, keys):
        # Nothing stands in it more often than it came from the database, so that each part can be written safely.
        is_plain = copies == 1 and budget.times_shared == 1 and budget.used <= budget.limit // 2
        check_size(results, budget, writes=is_plain)


def check_size(results: Sequence[ExecutionResult], budget: Budget, *, writes: bool = False) -> None:
    """Raise why the operation had to end, or that its response is too large to be encoded.

    If it `writes`, large data is measured by writing it, which is to be done anyway and is quicker.
    """
    if budget.failure is not None:
        raise budget.failure
    size = 0
    for result in results:
        data, left = result.data, budget.limit - size
        size += _written(data, left) if writes and isinstance(data, Large) else size_of(data, left)
    if size > budget.limit:
        raise budget.too_large()
    if size > FREE_BYTES and not budget.hold(max(size, budget.used)):
        raise budget.overdrawn()


def _written(data: Large, most: int) -> int:
    size = 0
    try:
        for part in data.shrink():
            size += part
            if size > most:
                return size
    except orjson.JSONEncodeError:
        return size_of(data, most)
    return size
