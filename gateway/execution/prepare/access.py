"""The scopes that an agent's token needs for an operation.

They are worked out once for a document: those of its root fields, and `read` for whatever it reads beyond the object
that a mutation or an event shows. Otherwise any scope would read the whole account, since links lead from each object
to all others. Of an object that was there before the mutation (`existing`), others wrote the most: all but what each
change writes needs `read` too. Conditions such as `@skip` do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
    is_object_type,
)

from gateway.auth.scope import AGENT_SCOPES, PERSON
from gateway.errors import Forbidden
from gateway.schema.objects.level import Computed, definition_of, level_resolver_of
from gateway.schema.types.requires import required_scopes, returns_existing

READ = "read"
WRITTEN = frozenset({"id", "version", "updatedAt", "deletedAt"})
"""The fields of an object that each change writes."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A token needs one of these scopes."""

    field: str
    """The field that requires it, such as `Mutation.addMessage`."""
    scopes: tuple[str, ...]
    path: tuple[str, ...]
    """Where its root field is in the response."""
    root: str = ""
    """The root field in whose selection it is, if it is not one itself."""

    def refusal(self, scopes: frozenset[str]) -> Forbidden:
        """The error for a token that has only these scopes."""
        if self.scopes == (PERSON,):
            return Forbidden(f"Only a person can use {self.field}. Agents' tokens are refused.", path=self.path)
        where = f"{self.field}, in the selection of {self.root}," if self.root else self.field
        *others, last = [scope for scope in self.scopes if scope != PERSON]
        needed = f"{', '.join(others)} or {last}" if others else last
        had = ", ".join(scope for scope in AGENT_SCOPES if scope in scopes)
        return Forbidden(f"{where} requires the scope {needed}. This token has: {had}.", path=self.path)


@dataclass(frozen=True, slots=True)
class Access:
    """What an operation requires of an agent's token."""

    requirements: tuple[Requirement, ...]

    def check(self, scopes: frozenset[str]) -> None:
        """Raise `Forbidden` unless a token with these scopes may run the operation."""
        for each in self.requirements:
            if scopes.isdisjoint(each.scopes):
                raise each.refusal(scopes)


def plan_access(
    schema: GraphQLSchema, definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Access:
    """Work out what a valid operation requires."""
    walk = _Walk(schema, fragments)
    root = schema.get_root_type(definition.operation)
    is_query = definition.operation is OperationType.QUERY
    found: dict[tuple[str, ...], Requirement] = {}
    for node, of, parent in walk.fields(definition.selection_set, root):
        name, path = f"{parent.name}.{node.name.value}", ((node.alias or node.name).value,)
        scopes = (READ,) if is_query else required_scopes(definition_of(of))
        if scopes:
            found.setdefault(scopes, Requirement(name, scopes, path))
        existing = returns_existing(definition_of(of))
        if not is_query and (beyond := walk.beyond(node, of, existing=existing)) is not None:
            found.setdefault((READ,), Requirement(beyond, (READ,), path, name))
    return Access(tuple(found.values()))


@dataclass(frozen=True, slots=True)
class _Walk:
    """Walks the selection sets of a valid document, each fragment once."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    known: dict[tuple[str, bool], str | None] = field(default_factory=dict)
    """What a fragment selects first beyond its object, which was or was not there before."""

    def fields(
        self, node: SelectionSetNode, parent: GraphQLNamedType | None, *, spread: bool = True
    ) -> Iterator[tuple[FieldNode, GraphQLField, GraphQLNamedType]]:
        """The fields of a selection set, without introspection, and with those of inline fragments.

        With `spread`, also those of the fragments that it spreads, which each occur once.
        """
        pending = [(node, parent)]
        seen: set[str] = set()
        while pending:
            selection_set, on = pending.pop()
            for selection in selection_set.selections:
                if isinstance(selection, InlineFragmentNode):
                    condition = selection.type_condition
                    inner = self.schema.get_type(condition.name.value) if condition else on
                    pending.append((selection.selection_set, inner))
                elif isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    if spread and name not in seen:
                        seen.add(name)
                        pending.append((self.fragments[name].selection_set, self._on(name)))
                elif is_composite_type(on) and isinstance(selection, FieldNode):
                    of = self.schema.get_field(on, selection.name.value)
                    if of is not None and not selection.name.value.startswith("__"):
                        yield selection, of, on

    def beyond(self, node: FieldNode, of: GraphQLField, *, existing: bool) -> str | None:
        """The first field below this one that is not of the object itself or, if that existed, not written now."""
        on = get_named_type(of.type)
        return self._in_set(node.selection_set, on, existing) if node.selection_set else None

    def _in_set(self, node: SelectionSetNode, on: GraphQLNamedType | None, existing: bool) -> str | None:
        for inner, of, parent in self.fields(node, on, spread=False):
            if not _is_own(of) or (existing and _is_object(parent) and inner.name.value not in WRITTEN):
                return f"{parent.name}.{inner.name.value}"
            if (found := self.beyond(inner, of, existing=existing)) is not None:
                return found
        return next(filter(None, (self._in_fragment(name, existing) for name in _spreads(node))), None)

    def _in_fragment(self, name: str, existing: bool) -> str | None:
        if (name, existing) not in self.known:
            self.known[name, existing] = None  # for as long as it takes
            self.known[name, existing] = self._in_set(self.fragments[name].selection_set, self._on(name), existing)
        return self.known[name, existing]

    def _on(self, fragment: str) -> GraphQLNamedType | None:
        return self.schema.get_type(self.fragments[fragment].type_condition.name.value)


def _spreads(node: SelectionSetNode) -> Iterator[str]:
    for selection in node.selections:
        if isinstance(selection, FragmentSpreadNode):
            yield selection.name.value
        elif isinstance(selection, InlineFragmentNode):
            yield from _spreads(selection.selection_set)


def _is_own(of: GraphQLField) -> bool:
    """Whether a field shows a column of its object, or what follows from the object's columns alone."""
    definition, level = definition_of(of), level_resolver_of(of)
    if definition is None or level is not None:
        return isinstance(level, Computed)
    resolver = definition.base_resolver
    return resolver is None or not (resolver.is_async or resolver.info_parameter or resolver.arguments)


def _is_object(on: GraphQLNamedType) -> bool:
    """Whether a type is one of objects with an id, and not that of a payload or an error."""
    return on.name == "Node" or (is_object_type(on) and any(each.name == "Node" for each in on.interfaces))
