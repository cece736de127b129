"""Collect the fields of a selection set for an object of one type: expand fragments, apply `@skip` and `@include`.

https://spec.graphql.org/September2025/#CollectFields()
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

_DECIDES = {"skip": False, "include": True}
"""What the condition of each directive must be for its selection to be kept."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Collects fields for one choice of the variables used in conditions."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    choices: Mapping[str, bool]

    def fields(self, of: GraphQLObjectType, sets: Iterable[SelectionSetNode | None]) -> dict[str, list[FieldNode]]:
        """The fields of an object of this type by response key, in the order of the response."""
        collected: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selection_set in sets:
            for node in self._nodes(of, selection_set, seen):
                collected.setdefault((node.alias or node.name).value, []).append(node)
        return collected

    def _nodes(
        self, of: GraphQLObjectType, selection_set: SelectionSetNode | None, seen: set[str]
    ) -> Iterator[FieldNode]:
        for node in selection_set.selections if selection_set else ():
            if not self._is_kept(node):
                continue
            match node:
                case FieldNode():
                    yield node
                case InlineFragmentNode(type_condition=condition, selection_set=inner):
                    if condition is None or self._applies(condition, of):
                        yield from self._nodes(of, inner, seen)
                case FragmentSpreadNode(name=name) if name.value not in seen:
                    seen.add(name.value)
                    fragment = self.fragments[name.value]
                    if self._applies(fragment.type_condition, of):
                        yield from self._nodes(of, fragment.selection_set, seen)

    def _applies(self, condition: NamedTypeNode, of: GraphQLObjectType) -> bool:
        name = condition.name.value
        if name == of.name:
            return True
        wider = self.schema.get_type(name)
        return is_abstract_type(wider) and self.schema.is_sub_type(wider, of)

    def _is_kept(self, node: SelectionNode) -> bool:
        return all(
            self._condition(directive) is _DECIDES[directive.name.value]
            for directive in node.directives or ()
            if directive.name.value in _DECIDES
        )

    def _condition(self, directive: DirectiveNode) -> bool:
        (argument,) = directive.arguments or ()
        if isinstance(argument.value, VariableNode):
            return self.choices[argument.value.name.value]
        assert isinstance(argument.value, BooleanValueNode)  # noqa: S101 - validation allows nothing else
        return argument.value.value


def condition_variables(
    definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[str, ...]:
    """The names of the variables used in conditions of the operation and its fragments, sorted."""
    names: set[str] = set()
    seen: set[str] = set()
    pending: list[SelectionSetNode | None] = [definition.selection_set]
    while pending:
        selection_set = pending.pop()
        for node in selection_set.selections if selection_set else ():
            names.update(_variables(node))
            if not isinstance(node, FragmentSpreadNode):
                pending.append(getattr(node, "selection_set", None))
            elif node.name.value not in seen:
                seen.add(node.name.value)
                pending.append(fragments[node.name.value].selection_set)
    return tuple(sorted(names))


def _variables(node: SelectionNode) -> Iterator[str]:
    for directive in node.directives or ():
        for argument in directive.arguments or () if directive.name.value in _DECIDES else ():
            if isinstance(argument.value, VariableNode):
                yield argument.value.name.value
