"""Limits on the size of a document, checked before validation, in time linear in the length of the text.

A short document can expand to an enormous one: a fragment that spreads another one twice doubles it. So each fragment
is measured once, and its size is added wherever it is spread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from gateway.execution.prepare.document import VALIDATION_FAILED, fragments_of
from gateway.execution.prepare.request import RequestErrors
from gateway.schema.graphql_private import QUERY_DOCUMENT_KEYS

SCHEMA = "__schema"
INTROSPECTION = frozenset({SCHEMA, "__type"})

# How many items one list in the document may have, by kind. Real documents have a fraction of these, and an error of
# validation about one item may quote all of them.
MOST = {
    "definitions": 150,
    "variable_definitions": 100,
    "selections": 250,
    "directives": 20,
    "arguments": 50,
    "fields": 100,
}

# Bounds the recursion of the walk; far above what `Limits.depth` allows.
MAX_NESTING = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """The maximum size of one operation, with its fragments expanded.

    `pairs` bounds validation, which compares all fields with the same response key in one selection set with each
    other. The other limits bound the work of running the operation. `objects` is the limit of `cost.py`, which takes a
    list without pages to hold `list_size` objects.
    """

    fields: int = 5_000
    depth: int = 15
    introspection_depth: int = 20
    introspections: int = 2
    list_depth: int = 6
    pairs: int = 2_000
    operations: int = 50
    root_fields: int = 50
    aliases: int = 200
    objects: int = 2_000_000
    list_size: int = 10


@dataclass(slots=True)
class Size:
    """The size of a selection set, with its fragments expanded."""

    fields: int = 0
    aliases: int = 0
    depth: int = 0
    list_depth: int = 0
    introspection_depth: int = 0
    introspections: int = 0
    """How often `__schema` is selected."""
    names: dict[str, tuple[int, int]] = field(default_factory=dict)
    """For each response key of this selection set, how often it occurs, and its fields with all below them."""
    pairs_below: int = 0

    @property
    def pairs(self) -> int:
        """How many pairs of fields may have to be compared because they share a response key in one selection set.

        The selection sets of two such fields are merged, so the fields below them are compared too.
        """
        return self.pairs_below + sum((count - 1) * fields // 2 for count, fields in self.names.values())

    def add(self, other: Size) -> None:
        """Add the size of another selection set."""
        self.fields += other.fields
        self.aliases += other.aliases
        self.depth = max(self.depth, other.depth)
        self.list_depth = max(self.list_depth, other.list_depth)
        self.introspection_depth = max(self.introspection_depth, other.introspection_depth)
        self.introspections += other.introspections
        self.pairs_below += other.pairs_below
        for name, (count, fields) in other.names.items():
            self._add_name(name, count, fields)

    def add_field(self, node: FieldNode, inner: Size, *, is_list: bool) -> None:
        """Add a field, and the size of its selection set."""
        introspects = node.name.value in INTROSPECTION
        self.fields += inner.fields + 1
        self.aliases += inner.aliases + (node.alias is not None)
        self.depth = max(self.depth, 1 if introspects else inner.depth + 1)
        self.list_depth = max(self.list_depth, 0 if introspects else inner.list_depth + is_list)
        introspected = inner.depth + 1 if introspects else inner.introspection_depth
        self.introspection_depth = max(self.introspection_depth, introspected)
        self.introspections += inner.introspections + (node.name.value == SCHEMA)
        self.pairs_below += inner.pairs
        self._add_name((node.alias or node.name).value, 1, inner.fields + 1)

    def _add_name(self, name: str, count: int, fields: int) -> None:
        before = self.names.get(name, (0, 0))
        self.names[name] = (before[0] + count, before[1] + fields)


# The size of a field without a selection set; never added to.
_NOTHING = Size()


def check_limits(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> None:
    """Refuse a document that exceeds a limit.

    Operations and fragments that will not run count too, since validation would still walk them.
    """
    _check_widths(document)
    operations = sum(isinstance(node, OperationDefinitionNode) for node in document.definitions)
    if operations > limits.operations:
        raise _refusal(f"The document contains more than {limits.operations} operations.")
    sizes = list(_sizes(schema, document))
    excesses = {
        f"asks for more than {limits.fields:,} fields": any(size.fields > limits.fields for size in sizes),
        f"is more than {limits.depth} levels deep": any(size.depth > limits.depth for size in sizes),
        f"introspects more than {limits.introspection_depth} levels deep": any(
            size.introspection_depth > limits.introspection_depth for size in sizes
        ),
        f"asks for {SCHEMA} more than {limits.introspections} times": any(
            size.introspections > limits.introspections for size in sizes
        ),
        f"nests more than {limits.list_depth} lists": any(size.list_depth > limits.list_depth for size in sizes),
        f"has more than {limits.root_fields} root fields": any(len(size.names) > limits.root_fields for size in sizes),
        f"has more than {limits.aliases} aliases": any(size.aliases > limits.aliases for size in sizes),
        "repeats the same fields too often": sum(size.pairs for size in sizes) > limits.pairs,
    }
    if reasons := [reason for reason, exceeded in excesses.items() if exceeded]:
        raise _refusal(f"The operation {' and '.join(reasons)}, with its fragments expanded.")


def _check_widths(document: DocumentNode) -> None:
    pending: list[Node] = [document]
    while pending:
        node = pending.pop()
        for key in QUERY_DOCUMENT_KEYS.get(node.kind, ()):
            below = getattr(node, key)
            if isinstance(below, tuple):
                if len(below) > MOST.get(key, len(below)):
                    raise _refusal(f"The document has more than {MOST[key]} {key.replace('_', ' ')} in one place.")
                pending.extend(below)
            elif below:
                pending.append(below)


def _sizes(schema: GraphQLSchema, document: DocumentNode) -> Iterator[Size]:
    walk = _Walk(schema, fragments_of(document))
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            yield walk.selections(node.selection_set, schema.get_root_type(node.operation), 0)
    for name in walk.fragments.keys() - walk.measured.keys():
        unused = walk.fragment(name, 0)
        yield replace(unused, names={}, pairs_below=unused.pairs)  # its names are not root fields


def _refusal(message: str) -> RequestErrors:
    return RequestErrors([GraphQLError(message)], VALIDATION_FAILED)


@dataclass(slots=True)
class _Walk:
    """Measures selection sets, each fragment once.

    The document is not validated yet: fragments may be missing or form cycles, and fields may not exist. These count as
    nothing here, because validation refuses them.
    """

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    measured: dict[str, Size] = field(default_factory=dict)

    def selections(self, node: SelectionSetNode, parent: GraphQLNamedType | None, level: int) -> Size:
        if level > MAX_NESTING:
            raise _refusal(f"The operation nests selections more than {MAX_NESTING} levels deep.")
        size = Size()
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                self._add_field(size, selection, parent, level + 1)
            elif isinstance(selection, FragmentSpreadNode):
                size.add(self.fragment(selection.name.value, level + 1))
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                on = self.schema.get_type(condition.name.value) if condition else parent
                size.add(self.selections(selection.selection_set, on, level + 1))
        return size

    def _add_field(self, size: Size, node: FieldNode, parent: GraphQLNamedType | None, level: int) -> None:
        if node.selection_set is None:
            size.add_field(node, _NOTHING, is_list=False)
            return
        returned = self._type_of(node, parent)
        inner = self.selections(node.selection_set, get_named_type(returned), level)
        size.add_field(node, inner, is_list=is_list_type(get_nullable_type(returned)))

    def fragment(self, name: str, level: int) -> Size:
        if name not in self.measured and name in self.fragments:
            self.measured[name] = Size()  # the size of its spreads within itself
            fragment = self.fragments[name]
            on = self.schema.get_type(fragment.type_condition.name.value)
            self.measured[name] = self.selections(fragment.selection_set, on, level)
        return self.measured.get(name, Size())

    def _type_of(self, node: FieldNode, parent: GraphQLNamedType | None) -> GraphQLOutputType | None:
        definition = self.schema.get_field(parent, node.name.value) if is_composite_type(parent) else None
        return definition.type if definition else None
