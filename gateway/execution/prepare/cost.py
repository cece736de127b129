"""How many objects an operation could return at most, by the sizes of its pages.

Sizes multiply on the way down: 200 conversations with 200 messages each are 40,200 objects. What is below a field is
added up, also where several fragments ask for the same, and all types that an object might have are taken as if it had
them all: the count is never too low, and each fragment is counted once, however often it is spread.

Only the sizes that variables give are left to be filled in for a request.
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
from gateway.schema.fields.connection import LARGEST_PAGE, USUAL_PAGE
from gateway.schema.graphql_private import coerce_default_value

Variables = Mapping[str, Any]
Size = int | Callable[[Variables], int]

PAGE_ARGUMENTS = ("first", "last")


@dataclass(frozen=True, slots=True)
class Sum:
    """What parts come to together: what is known, and what waits for variables."""

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
        """How many objects it is. A part's number is kept, since a fragment may be spread again and again."""
        total = self.constant
        for part in self.varying:
            if part not in known:
                known[part] = part.times(variables) * (part.own + part.below.count(variables, known))
            total += known[part]
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A field, or a fragment where it is spread: `size` times its own object and all that is below it."""

    node: FieldNode | FragmentSpreadNode
    size: Size
    own: int
    below: Sum

    @property
    def constant(self) -> int | None:
        """What it comes to, if no variable has a say in it."""
        fixed = isinstance(self.size, int) and not self.below.varying
        return self.size * (self.own + self.below.constant) if fixed else None  # type: ignore[operator]

    def times(self, variables: Variables) -> int:
        """How many there are of it in one object."""
        return self.size if isinstance(self.size, int) else self.size(variables)


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation can come to."""

    sum: Sum
    limit: int

    def check(self, variables: Variables) -> None:
        """Refuse the operation if it asks for too much with these variables, which are coerced."""
        if self.sum.varying and self.count(variables) > self.limit:
            raise _refusal(self, variables)

    def count(self, variables: Variables) -> int:
        """How many objects the operation returns at most."""
        return self.sum.count(variables, {})


def plan_cost(
    schema: GraphQLSchema,
    definition: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    limits: Limits,
) -> Cost:
    """Work out what a valid operation can come to, and refuse it if that is too much whatever its variables are."""
    walk = _Walk(schema, fragments, limits.list_size)
    cost = Cost(walk.sum(definition.selection_set, schema.get_root_type(definition.operation)), limits.objects)
    if not cost.sum.varying and cost.sum.constant > limits.objects:
        raise _refusal(cost, {})
    return cost


def _refusal(cost: Cost, variables: Variables) -> RequestErrors:
    way = [(part.node, part.times(variables)) for part in _heaviest(cost.sum, variables)]
    multiplying = [(node, times) for node, times in way if times > 1]
    product = " x ".join(f"{node.name.value} ({times})" for node, times in multiplying)
    message = (
        f"The operation requests up to {cost.count(variables):,} objects; the limit is {cost.limit:,}. "
        f"Most of them are {product}: ask for smaller pages with `first` or `last`."
    )
    largest = max(multiplying, key=lambda each: each[1], default=(None, 0))[0]
    return RequestErrors([GraphQLError(message, largest)], VALIDATION_FAILED)


def _heaviest(found: Sum, variables: Variables) -> Iterator[Part]:
    """The way down to where most of the objects are."""
    known: dict[Part, int] = {}
    while found.parts:
        part = max(found.parts, key=lambda each: Sum((each,), 0, (each,)).count(variables, known))
        yield part
        found = part.below


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through the selections of a valid document, each fragment once."""

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
        found = self.schema.get_field(parent, node.name.value) if is_composite_type(parent) else None
        if found is None or is_introspection_type(get_named_type(found.type)):
            return
        of = get_named_type(found.type)
        own = 0 if _is_wrapper(of) or (_is_connection(parent) and not _is_list(found.type)) else 1
        size = 1 if _is_connection(parent) else self._size(found, node)
        yield Part(node, size, own, self.sum(inner, of))

    def _size(self, found: GraphQLField, node: FieldNode) -> Size:
        """How many objects the field holds. A connection's own lists hold what the page was said to have."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        if all(name in found.args for name in PAGE_ARGUMENTS):
            return _page([_given(found, name, given.get(name)) for name in PAGE_ARGUMENTS])
        if not _is_list(found.type):
            return 1
        ids = (value for name, value in given.items() if _is_ids(found.args[name].type))
        return _length(next(ids, None), self.list_size)


def _is_list(of: GraphQLOutputType) -> bool:
    return is_list_type(get_nullable_type(of))


def _is_ids(of: GraphQLInputType) -> bool:
    return is_list_type(get_nullable_type(of)) and get_named_type(of) == GraphQLID


def _is_connection(of: GraphQLNamedType | None) -> bool:
    names = getattr(of, "fields", {})
    return "pageInfo" in names and ("nodes" in names or "edges" in names)


def _is_wrapper(of: GraphQLNamedType) -> bool:
    """Whether objects of the type are only there to hold the rows of a page."""
    names = getattr(of, "fields", {})
    return _is_connection(of) or ("cursor" in names and "node" in names)


def _given(found: GraphQLField, name: str, node: ValueNode | None) -> ValueNode | int | None:
    if node is not None:
        return node
    default = coerce_default_value(found.args[name])
    return default if isinstance(default, int) else None


def _page(given: list[ValueNode | int | None]) -> Size:
    """The size of a page. One that is not allowed is not counted as such: the field says so in its own words."""
    variables = [each.name.value for each in given if isinstance(each, VariableNode)]
    sizes = [int(each.value) if isinstance(each, IntValueNode) else each for each in given]
    constants = [each for each in sizes if isinstance(each, int)]

    def page(values: Variables) -> int:
        filled = [size for name in variables if (size := values.get(name)) is not None]
        return max(0, min(max([*constants, *filled], default=USUAL_PAGE), LARGEST_PAGE))

    return page if variables else page({})


def _length(node: ValueNode | None, usual: int) -> Size:
    """The length of a list that has an object for each id."""
    if isinstance(node, VariableNode):
        name = node.name.value
        return lambda values: len(values.get(name) or ())
    if node is None or isinstance(node, NullValueNode):
        return usual
    return len(node.values) if isinstance(node, ListValueNode) else 1
