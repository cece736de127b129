"""The columns that a field's selection set needs, so that a statement selects no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from gateway.data.entity import Entity


def columns(entity: Entity, nodes: Iterable[FieldNode], fragments: dict[str, Any], *below: str) -> tuple[str, ...]:
    """The columns of `entity` that the selection sets of these fields need, and its id, in the order of declaration.

    `below` has the paths from the fields to the entity, such as `edges.node`; without it, the fields return the entity.
    """
    needed = {"id"}
    starts = [node.selection_set for node in nodes]
    for path in below or ("",):
        sets = starts
        for step in filter(None, path.split(".")):
            sets = [field.selection_set for field in _fields(sets, fragments, None) if field.name.value == step]
        for field in _fields(sets, fragments, entity.name):
            needed.update(entity.fields.get(field.name.value, ()))
    return tuple(column for column in entity.kinds if column in needed)


def asks_for(name: str, nodes: Iterable[FieldNode], fragments: dict[str, Any]) -> bool:
    """Whether the selection sets of these fields contain the field."""
    sets = [node.selection_set for node in nodes]
    return any(field.name.value == name for field in _fields(sets, fragments, None))


def named(nodes: Iterable[FieldNode], fragments: Mapping[str, Any]) -> set[str]:
    """The names of the types that fragments within the selection sets of these fields are on."""
    names: set[str] = set()
    seen: set[str] = set()
    pending = [node.selection_set for node in nodes]
    while pending:
        selection_set = pending.pop()
        for selection in selection_set.selections if selection_set else ():
            match selection:
                case InlineFragmentNode(type_condition=condition, selection_set=inner):
                    names.update({condition.name.value} if condition else ())
                    pending.append(inner)
                case FragmentSpreadNode(name=name) if name.value not in seen:
                    seen.add(name.value)
                    names.add(fragments[name.value].type_condition.name.value)
                    pending.append(fragments[name.value].selection_set)
    return names


def _fields(sets: Iterable[SelectionSetNode | None], fragments: dict[str, Any], of: str | None) -> Iterator[FieldNode]:
    for selection_set in sets:
        for selection in selection_set.selections if selection_set else ():
            match selection:
                case FieldNode():
                    yield selection
                case InlineFragmentNode(type_condition=condition, selection_set=inner):
                    if condition is None or of is None or condition.name.value in (of, "Node"):
                        yield from _fields([inner], fragments, of)
                case FragmentSpreadNode(name=name):
                    fragment = fragments[name.value]
                    if of is None or fragment.type_condition.name.value in (of, "Node"):
                        yield from _fields([fragment.selection_set], fragments, of)
