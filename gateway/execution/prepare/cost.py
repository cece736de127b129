"""The cost of an operation: the most objects that it can return, from the sizes of its pages.

Sizes multiply on the way down: 200 conversations with 200 messages each are 40,200 objects. The fields below a field
are added up, even if several fragments select the same one or only some of an object's possible types have it, so the
count is never too low. Each fragment is counted once, however often it is spread.

Only sizes that come from variables are left to be filled in for each request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLInputType,
    GraphQLNamedType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_introspection_type,
    is_list_type,
)

from gateway.execution.prepare.document import VALIDATION_FAILED
from gateway.execution.prepare.limits import Limits
from gateway.execution.prepare.request import RequestErrors
from gateway.schema.fields.connection import LARGEST_PAGE, PAGE_SIZES, USUAL_PAGE
from gateway.schema.graphql_private import coerce_default_value
from gateway.schema.objects.level import definition_of

Variables = Mapping[str, Any]
Size = int | Callable[[Variables], int]

PAGE_ARGUMENTS = ("first", "last")


@dataclass(frozen=True, slots=True)
class Sum:
    """The total of several parts: a constant, and the parts that depend on variables."""

    parts: tuple[Part, ...]
    constant: int
    varying: tuple[Part, ...]

    @classmethod
    def of(cls, parts: Iterable[Part]) -> Sum:
        """The sum of the parts."""
        every = tuple(parts)
        constant = sum(part.constant for part in every if part.constant is not None)
        return cls(every, constant, tuple(part for part in every if part.constant is None))

    def count(self, variables: Variables, known: dict[Part, int]) -> int:
        """The number of objects. `known` caches it for each part, since a fragment may be spread many times."""
        total = self.constant
        for part in self.varying:
            if part not in known:
                known[part] = part.times(variables) * (part.own + part.below.count(variables, known))
            total += known[part]
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A field or a fragment spread. Its cost is `size` times its own object and everything below it."""

    node: FieldNode | FragmentSpreadNode
    size: Size
    own: int
    below: Sum

    @property
    def constant(self) -> int | None:
        """Its number of objects; None if that depends on variables."""
        fixed = isinstance(self.size, int) and not self.below.varying
        return self.size * (self.own + self.below.constant) if fixed else None  # type: ignore[operator]

    def times(self, variables: Variables) -> int:
        """How often it occurs in one parent object."""
        return self.size if isinstance(self.size, int) else self.size(variables)


@dataclass(frozen=True, slots=True)
class Cost:
    """The number of objects that an operation can return, and the limit on it."""

    sum: Sum
    limit: int

    def check(self, variables: Variables) -> None:
        """Refuse the operation if it can exceed the limit with these coerced variables."""
        if self.sum.varying and self.count(variables) > self.limit:
            raise _refusal(self, variables)

    def count(self, variables: Variables) -> int:
        """The most objects that the operation can return."""
        return self.sum.count(variables, {})


def plan_cost(
    schema: GraphQLSchema,
    definition: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    limits: Limits,
) -> Cost:
    """Work out the cost of a valid operation. Refuse it if it exceeds the limit whatever its variables are."""
    walk = _Walk(schema, fragments, limits.list_size)
    cost = Cost(walk.sum(definition.selection_set, schema.get_root_type(definition.operation)), limits.objects)
    if not cost.sum.varying and cost.sum.constant > limits.objects:
        raise _refusal(cost, {})
    return cost


def _refusal(cost: Cost, variables: Variables) -> RequestErrors:
    path = [(part.node, part.times(variables)) for part in _heaviest(cost.sum, variables)]
    multiplying = [(node, times) for node, times in path if times > 1]
    product = " x ".join(f"{node.name.value} ({times})" for node, times in multiplying)
    message = (
        f"The operation requests up to {cost.count(variables):,} objects; the limit is {cost.limit:,}. "
        f"Most of them are {product}: ask for smaller pages with `first` or `last`."
    )
    largest = max(multiplying, key=lambda each: each[1], default=(None, 0))[0]
    return RequestErrors([GraphQLError(message, largest)], VALIDATION_FAILED)


def _heaviest(level: Sum, variables: Variables) -> Iterator[Part]:
    """The path from the root to the most expensive field: at each level, the part with the most objects."""
    known: dict[Part, int] = {}
    while level.parts:
        part = max(level.parts, key=lambda each: Sum((each,), 0, (each,)).count(variables, known))
        yield part
        level = part.below


@dataclass(frozen=True, slots=True)
class _Walk:
    """Walks the selection sets of a valid document, each fragment once."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    list_size: int
    known: dict[str, Sum] = field(default_factory=dict)

    def sum(self, node: SelectionSetNode, parent: GraphQLNamedType | None) -> Sum:
        return Sum.of(self._parts(node, parent))

    def _parts(self, node: SelectionSetNode, parent: GraphQLNamedType | None) -> Iterator[Part]:
        for selection in node.selections:
            if isinstance(selection, FragmentSpreadNode):
                yield Part(selection, 1, 0, self._fragment(selection.name.value))
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                on = self.schema.get_type(condition.name.value) if condition else parent
                yield from self._parts(selection.selection_set, on)
            elif isinstance(selection, FieldNode) and selection.selection_set:
                yield from self._field(selection, selection.selection_set, parent)

    def _fragment(self, name: str) -> Sum:
        if name not in self.known:
            fragment = self.fragments[name]
            on = self.schema.get_type(fragment.type_condition.name.value)
            self.known[name] = self.sum(fragment.selection_set, on)
        return self.known[name]

    def _field(self, node: FieldNode, inner: SelectionSetNode, parent: GraphQLNamedType | None) -> Iterator[Part]:
        definition = self.schema.get_field(parent, node.name.value) if is_composite_type(parent) else None
        if definition is None or is_introspection_type(get_named_type(definition.type)):
            return
        of = get_named_type(definition.type)
        own = 0 if _is_wrapper(of) or (_is_connection(parent) and not _is_list(definition.type)) else 1
        # The lists of a connection are already multiplied by the page size of the field that returns it.
        size = 1 if _is_connection(parent) else self._size(definition, node)
        yield Part(node, size, own, self.sum(inner, of))

    def _size(self, definition: GraphQLField, node: FieldNode) -> Size:
        """How many objects the field returns: its page size, its list's length, or one."""
        arguments = {argument.name.value: argument.value for argument in node.arguments or ()}
        names = [name for name in PAGE_ARGUMENTS if name in definition.args]
        if (sizes := _page_sizes(definition)) is not None or len(names) == len(PAGE_ARGUMENTS):
            values = [_or_default(definition, name, arguments.get(name)) for name in names]
            return _page(values, *(sizes or (USUAL_PAGE, LARGEST_PAGE)))
        if not _is_list(definition.type):
            return 1
        ids = (value for name, value in arguments.items() if _is_ids(definition.args[name].type))
        return _length(next(ids, None), self.list_size)


def _is_list(of: GraphQLOutputType) -> bool:
    return is_list_type(get_nullable_type(of))


def _is_ids(of: GraphQLInputType) -> bool:
    return is_list_type(get_nullable_type(of)) and get_named_type(of) == GraphQLID


def _is_connection(of: GraphQLNamedType | None) -> bool:
    names = getattr(of, "fields", {})
    return "pageInfo" in names and ("nodes" in names or "edges" in names)


def _is_wrapper(of: GraphQLNamedType) -> bool:
    """Whether the type is a connection or an edge, whose objects are not counted."""
    names: Mapping[str, Any] = getattr(of, "fields", {})
    return _is_connection(of) or names.keys() == {"cursor", "node"}


def _or_default(definition: GraphQLField, name: str, node: ValueNode | None) -> ValueNode | int | None:
    """The argument's value, or its default if the operation omits it."""
    if node is not None:
        return node
    default = coerce_default_value(definition.args[name])
    return default if isinstance(default, int) else None


def _page_sizes(definition: GraphQLField) -> tuple[int, int] | None:
    """The usual and the largest size of the field's pages, if it declares them."""
    made = definition_of(definition)
    return None if made is None else made.metadata.get(PAGE_SIZES)


def _page(arguments: list[ValueNode | int | None], usual: int, largest: int) -> Size:
    """The size of a page, from `first` and `last`, clamped to what is allowed: the field itself refuses other sizes."""
    variables = [each.name.value for each in arguments if isinstance(each, VariableNode)]
    sizes = [int(each.value) if isinstance(each, IntValueNode) else each for each in arguments]
    constants = [each for each in sizes if isinstance(each, int)]

    def page(values: Variables) -> int:
        filled = [size for name in variables if (size := values.get(name)) is not None]
        return max(0, min(max([*constants, *filled], default=usual), largest))

    return page if variables else page({})


def _length(node: ValueNode | None, usual: int) -> Size:
    """The length of a list: the number of ids in its argument, or `usual` if there is none."""
    if isinstance(node, VariableNode):
        name = node.name.value
        return lambda values: len(values.get(name) or ())
    if node is None or isinstance(node, NullValueNode):
        return usual
    return len(node.values) if isinstance(node, ListValueNode) else 1
