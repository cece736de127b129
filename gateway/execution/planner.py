"""Make plans: turn the fields of an operation into levels and steps.

A field's level resolver (`gateway.schema.objects.level`) decides how it gets its values. A field without one is a
column, an attribute or an ordinary resolver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableValues,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
)

from gateway.data.entity import Entity
from gateway.execution.collect import Collector, condition_variables
from gateway.execution.prepare.limits import INTROSPECTION
from gateway.execution.run.call import FieldArguments, binder, computed
from gateway.execution.run.field import Field, Inline
from gateway.execution.run.leaf import TEXTS, column_inline
from gateway.execution.run.plan import Phase, Plan, Reads, Selection, Step
from gateway.execution.run.shape import Abstract, Leaf, List, Lists, Object, Objects, Shape
from gateway.execution.run.step import (
    LinkStep,
    LookedUp,
    Mapped,
    Paged,
    PerParent,
    Resolved,
    Target,
    ToMany,
    ToOne,
    ToPages,
)
from gateway.execution.run.straight import straight
from gateway.schema.objects.level import (
    OF_ROOT,
    Computed,
    Follows,
    Lookup,
    OfPage,
    PerPage,
    definition_of,
    level_resolver_of,
)

MOST_PLANS = 16
"""How many plans of one operation are cached: its conditions may be chosen in many ways."""


class Plans:
    """The plans of one operation: one for each choice of the variables used in its conditions."""

    def __init__(
        self,
        schema: GraphQLSchema,
        definition: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        names: frozenset[str],
    ) -> None:
        self._schema = schema
        self._definition = definition
        self._fragments = fragments
        self._conditions = condition_variables(definition, fragments)
        introspection = sorted(INTROSPECTION & names)
        self._reason = f"it asks for {', '.join(introspection)}" if introspection else None
        self._made: dict[tuple[Any, ...], Plan] = {}

    def plan(self, variables: VariableValues) -> Plan | str:
        """The plan for these variables, or why there is none."""
        if self._reason is not None:
            return self._reason
        choices = tuple(map(variables.coerced.get, self._conditions))
        plan = self._made.get(choices)
        if plan is None:
            if not all(isinstance(choice, bool) for choice in choices):
                return "a condition is null"
            while len(self._made) >= MOST_PLANS:
                del self._made[next(iter(self._made))]
            plan = self._made[choices] = self._plan(dict(zip(self._conditions, map(bool, choices), strict=True)))
        return plan

    def _plan(self, choices: Mapping[str, bool]) -> Plan:
        planner = _Planner(self._schema, Collector(self._schema, self._fragments, choices))
        root = self._schema.get_root_type(self._definition.operation)
        assert root is not None  # noqa: S101 - validation found its fields
        sets = [self._definition.selection_set]
        if self._definition.operation is OperationType.MUTATION:
            selections = list(planner.phases(root, sets))
        else:
            selections = [planner.selection(root, sets, None, ())]
        return Plan(tuple(Phase(selection, straight(selection)) for selection in selections))


class _Planner:
    def __init__(self, schema: GraphQLSchema, collector: Collector) -> None:
        self._schema = schema
        self._collector = collector

    def selection(
        self,
        of: GraphQLObjectType,
        sets: Iterable[SelectionSetNode | None],
        reads: Reads | None,
        path: tuple[str, ...],
    ) -> Selection:
        """Plan the selection for objects of a type. If they are rows or pages of rows, `reads` collects the columns."""
        made = Selection(of)
        for key, nodes in self._collector.fields(of, sets).items():
            self._add(made, of, key, nodes, reads, path)
        return made

    def phases(self, of: GraphQLObjectType, sets: list[SelectionSetNode]) -> Iterable[Selection]:
        """Plan a selection for each root field of a mutation."""
        for key, nodes in self._collector.fields(of, sets).items():
            made = Selection(of)
            self._add(made, of, key, nodes, None, ())
            yield made

    def _add(
        self,
        to: Selection,
        of: GraphQLObjectType,
        key: str,
        nodes: list[FieldNode],
        reads: Reads | None,
        path: tuple[str, ...],
    ) -> None:
        name = nodes[0].name.value
        if name == "__typename":
            to.add(key, Inline(lambda: repr(of.name)))
            return
        field = Field(key, name, nodes, of, of.fields[name], (*path, key))
        to.add(key, self._how(field, reads), field)

    def _how(self, field: Field, reads: Reads | None) -> Inline | Step[Any]:
        match level_resolver_of(field.definition):
            case Lookup() as lookup:
                inner = Reads(lookup.entity, first=0)
                inner.columns.add("id")
                below, required = self._below(field, inner), isinstance(field.type, GraphQLNonNull)
                return LookedUp(field, lookup, FieldArguments(self._schema, field), inner, below, required=required)
            case Computed(function=function):
                return Mapped(field, function, self._shape_of_rows(field, field.type, reads), safe=True)
            case OfPage() as of_page:
                if reads is not None:
                    reads.positioned = True
                return Paged(field, of_page, self._shape(field, field.type))
            case PerPage() as per_page:
                return PerParent(field, per_page, self._shape(field, field.type))
            case None:
                return self._ordinary(field, reads)
            case follows:
                return self._link(field, follows, reads)

    def _link(self, field: Field, follows: Follows, reads: Reads | None) -> LinkStep[Any]:
        inner = Reads(follows.entity, first=follows.first_column)
        below = self._below(field, inner)
        target: Target[Any]
        match get_nullable_type(field.type):
            case GraphQLList():
                target = ToMany(below)
            case _ if follows.below:
                target = ToPages(below)
            case _:
                inner.columns.add(follows.by)
                target = ToOne(below, required=isinstance(field.type, GraphQLNonNull))
        return LinkStep(
            field, follows, self._key(field, follows.key, reads), FieldArguments(self._schema, field), inner, target
        )

    def _key(self, field: Field, column: str, reads: Reads | None) -> Callable[[], str]:
        """The expression for the key of a link: a column of a row, an attribute of an event, or that of the root."""
        if not column:
            return lambda: repr(OF_ROOT)
        of = self._entity(field.parent)
        if of is None:
            return lambda: f"r.{column}"
        known = reads or Reads(of)
        known.columns.add(column)
        return lambda: known.code(column)

    def _ordinary(self, field: Field, reads: Reads | None) -> Inline | Step[Any]:
        definition = definition_of(field.definition)
        of = self._entity(field.parent)
        if of is not None:
            reads = reads or Reads(of)
            if definition is not None and definition.base_resolver is None:
                return self._column(field, of, reads)
            reads.columns.update(of.fields[field.name])
        if definition is None:
            return self._resolved(field)
        if definition.base_resolver is None:
            return Mapped(field, attrgetter(definition.python_name), self._shape(field, field.type))
        function = computed(definition)
        return self._resolved(field) if function is None else Mapped(field, function, self._shape(field, field.type))

    def _column(self, field: Field, of: Entity, reads: Reads) -> Inline | Step[Any]:
        (column,) = of.fields[field.name]
        leaf: Any = get_nullable_type(field.type)
        if reads.first is not None and (text := TEXTS.get(of.kinds[column])) is not None:
            reads.texts[column] = text.select
            return text.inline(lambda: reads.text(column))
        reads.columns.add(column)
        if not is_leaf_type(leaf):
            return Mapped(field, attrgetter(column), self._shape(field, field.type))
        required = isinstance(field.type, GraphQLNonNull)
        return column_inline(lambda: reads.code(column), of.kinds[column], leaf, required=required)

    def _resolved(self, field: Field) -> Resolved[Any]:
        return Resolved(field, binder(self._schema, field), self._shape(field, field.type))

    def _below(self, field: Field, reads: Reads | None) -> Selection:
        """The selection of the objects or pages that a field returns."""
        of: Any = get_named_type(field.type)
        return self.selection(of, [node.selection_set for node in field.nodes], reads, field.path)

    def _shape_of_rows(self, field: Field, of: GraphQLOutputType, reads: Reads | None) -> Shape[Any]:
        """The shape of rows, or of objects that stand for them, of which none is null."""
        inner: Any = get_nullable_type(of)
        if isinstance(inner, GraphQLList):
            return Lists(self._shape_of_rows(field, inner.of_type, reads))
        return Objects(self._below(field, reads))

    def _shape(self, field: Field, of: GraphQLOutputType) -> Shape[Any]:
        """The shape of values that a resolver returns."""
        required = isinstance(of, GraphQLNonNull)
        inner: Any = get_nullable_type(of)
        if isinstance(inner, GraphQLList):
            return List(self._shape(field, inner.of_type), required=required)
        if is_leaf_type(inner):
            return Leaf(inner, required=required)
        if is_abstract_type(inner):
            return self._abstract(field, inner, required=required)
        return self._object(inner, self._below(field, None), required=required)

    def _object(self, of: GraphQLObjectType, selection: Selection, *, required: bool) -> Object:
        entity = self._entity(of)
        return Object(of, selection, required=required, record=entity.record if entity else None)

    def _abstract(self, field: Field, of: GraphQLAbstractType, *, required: bool) -> Abstract:
        known: dict[GraphQLObjectType, Shape[Any]] = {}

        def select(runtime: GraphQLObjectType) -> Shape[Any]:
            if runtime not in known:
                sets = [node.selection_set for node in field.nodes]
                known[runtime] = self._object(runtime, self.selection(runtime, sets, None, field.path), required=True)
            return known[runtime]

        return Abstract(of, select, required=required)

    def _entity(self, of: GraphQLObjectType) -> Entity | None:
        """The type's entity; None if it has none."""
        definition = of.extensions.get("strawberry-definition")
        return getattr(definition.origin, "__entity__", None) if definition is not None else None
