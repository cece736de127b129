"""How much one operation may ask for, found out before validation and in time linear in the text.

A short document can stand for an enormous one: a fragment that spreads another twice doubles it. So each
fragment is measured once, and the sizes are added up instead of the fields being visited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from gateway.execution.document import VALIDATION_FAILED, fragments_of
from gateway.execution.operation import RequestErrors

INTROSPECTION = frozenset({"__schema", "__type"})

# Bounds the recursion of the walk; far above what `Limits.depth` lets through.
MAX_NESTING = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one operation may come to with its fragments expanded.

    `pairs` is for validation's sake, which compares all fields that go by one name in one selection set with
    each other. Of the other limits each stands for work that running the operation would be.
    """

    fields: int = 5_000
    depth: int = 15
    introspection_depth: int = 20
    list_depth: int = 6
    pairs: int = 2_000
    root_fields: int = 50
    aliases: int = 200


@dataclass(frozen=True, slots=True)
class Size:
    """What a selection comes to with its fragments expanded."""

    fields: int = 0
    aliases: int = 0
    depth: int = 0
    list_depth: int = 0
    introspection_depth: int = 0
    names: Counter[str] = field(default_factory=Counter)
    """How often each name stands in this selection set itself."""
    pairs_below: int = 0

    @property
    def pairs(self) -> int:
        """How many pairs of fields go by one name in one selection set."""
        return self.pairs_below + sum(count * (count - 1) // 2 for count in self.names.values())

    @classmethod
    def together(cls, sizes: Iterable[Size]) -> Size:
        """The size of a selection set with these selections."""
        parts = tuple(sizes)
        names: Counter[str] = Counter()
        for part in parts:
            names.update(part.names)
        return cls(
            sum(part.fields for part in parts),
            sum(part.aliases for part in parts),
            max((part.depth for part in parts), default=0),
            max((part.list_depth for part in parts), default=0),
            max((part.introspection_depth for part in parts), default=0),
            names,
            sum(part.pairs_below for part in parts),
        )

    def below(self, node: FieldNode, *, is_list: bool) -> Size:
        """The size of a field that holds this selection."""
        introspects = node.name.value in INTROSPECTION
        return Size(
            self.fields + 1,
            self.aliases + (node.alias is not None),
            1 if introspects else self.depth + 1,
            0 if introspects else self.list_depth + is_list,
            self.depth + 1 if introspects else self.introspection_depth,
            Counter({(node.alias or node.name).value: 1}),
            self.pairs,
        )


def check_limits(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> None:
    """Refuse a document that asks for too much.

    All of it counts, also what will not run: validation would still have to go through it.
    """
    sizes = list(_sizes(schema, document))
    excesses = {
        f"asks for more than {limits.fields:,} fields": any(size.fields > limits.fields for size in sizes),
        f"is more than {limits.depth} levels deep": any(size.depth > limits.depth for size in sizes),
        f"introspects more than {limits.introspection_depth} levels deep": any(
            size.introspection_depth > limits.introspection_depth for size in sizes
        ),
        f"nests more than {limits.list_depth} lists": any(size.list_depth > limits.list_depth for size in sizes),
        f"has more than {limits.root_fields} root fields": any(len(size.names) > limits.root_fields for size in sizes),
        f"has more than {limits.aliases} aliases": any(size.aliases > limits.aliases for size in sizes),
        "repeats the same fields too often": sum(size.pairs for size in sizes) > limits.pairs,
    }
    if found := [reason for reason, exceeded in excesses.items() if exceeded]:
        raise _refusal(f"The operation {' and '.join(found)}, its fragments expanded.")


def _sizes(schema: GraphQLSchema, document: DocumentNode) -> Iterator[Size]:
    walk = _Walk(schema, fragments_of(document))
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            yield walk.selections(node.selection_set, schema.get_root_type(node.operation), 0)
    for name in walk.fragments.keys() - walk.measured.keys():
        unused = walk.fragment(name, 0)
        yield replace(unused, names=Counter(), pairs_below=unused.pairs)  # its names are not those of root fields


def _refusal(message: str) -> RequestErrors:
    return RequestErrors([GraphQLError(message)], VALIDATION_FAILED)


@dataclass(slots=True)
class _Walk:
    """Measures selections, each fragment once.

    The document is not validated yet: fragments may be missing or go in circles, and fields may not exist.
    That counts as nothing here, because validation will refuse it.
    """

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    measured: dict[str, Size] = field(default_factory=dict)

    def selections(self, node: SelectionSetNode | None, parent: GraphQLNamedType | None, level: int) -> Size:
        if level > MAX_NESTING:
            raise _refusal(f"The operation nests selections more than {MAX_NESTING} levels deep.")
        selections = node.selections if node else ()
        return Size.together(self._selection(selection, parent, level + 1) for selection in selections)

    def _selection(self, node: SelectionNode, parent: GraphQLNamedType | None, level: int) -> Size:
        if isinstance(node, FragmentSpreadNode):
            return self.fragment(node.name.value, level)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            on = self.schema.get_type(condition.name.value) if condition else parent
            return self.selections(node.selection_set, on, level)
        assert isinstance(node, FieldNode)  # noqa: S101 - the grammar knows no other selection
        returned = self._type_of(node, parent)
        inner = self.selections(node.selection_set, get_named_type(returned), level)
        return inner.below(node, is_list=is_list_type(get_nullable_type(returned)))

    def fragment(self, name: str, level: int) -> Size:
        if name not in self.measured and name in self.fragments:
            self.measured[name] = Size()  # what a spread of it within itself counts
            fragment = self.fragments[name]
            on = self.schema.get_type(fragment.type_condition.name.value)
            self.measured[name] = self.selections(fragment.selection_set, on, level)
        return self.measured.get(name, Size())

    def _type_of(self, node: FieldNode, parent: GraphQLNamedType | None) -> GraphQLOutputType | None:
        found = self.schema.get_field(parent, node.name.value) if is_composite_type(parent) else None
        return found.type if found else None
