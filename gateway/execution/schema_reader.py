"""Answers introspection without graphql-core's executor, which takes ten times as long.

All fields of introspection are plain functions of the schema. So each selection set is prepared once, and what it reads
of one type is read once, however often the type is mentioned: most of a schema's description is references to types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    SelectionSetNode,
    VariableValues,
    default_field_resolver,
    get_argument_values,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
)

from gateway.execution.collect import Collector
from gateway.execution.prepare.document import ParsedOperation
from gateway.execution.prepare.response_size import OBJECT_BYTES, key_bytes

Count = Callable[[int, int], None]
"""Counts the bytes of an object and of everything in it that is new, and those of them that describe the schema.

May raise an error to end the operation.
"""

_PLAIN = ("String", "Boolean")
"""The scalars whose values go into the answer as they are."""


class SchemaReader:
    """Reads the data of one operation that selects nothing but introspection."""

    def __init__(
        self, schema: GraphQLSchema, document: ParsedOperation, variables: VariableValues, count: Count
    ) -> None:
        choices: Mapping[str, Any] = variables.coerced
        self._schema = schema
        self._document = document
        self._variables = variables
        self._collector = Collector(schema, document.fragments, choices)
        self._count = count

    def read(self) -> dict[str, Any]:
        """The data. Objects that occur several times are the same object.

        Raises graphql-core's error if an argument is wrong, and what `count` raises.
        """
        query = self._schema.query_type
        assert query is not None  # noqa: S101 - validation found its fields
        data, _ = self._object(self._selection(query, [self._document.definition.selection_set]), None)
        return data

    def _selection(self, of: GraphQLObjectType, sets: Iterable[SelectionSetNode | None]) -> _Selection:
        fields = self._collector.fields(of, sets)
        size = OBJECT_BYTES + sum(map(key_bytes, fields))
        members = tuple(self._member(of, key, nodes) for key, nodes in fields.items())
        return _Selection(members, size, is_introspection_type(of), {} if of.name == "__Type" else None)

    def _member(self, of: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> _Member:
        definition = self._schema.get_field(of, nodes[0].name.value)
        assert definition is not None  # noqa: S101 - validation found it
        named, is_list = get_named_type(definition.type), is_list_type(get_nullable_type(definition.type))
        arguments = get_argument_values(definition, nodes[0], self._variables)
        read = _reader(definition, _Info(self._schema, of), arguments)
        if isinstance(named, GraphQLObjectType):
            return _Member(key, read, self._selection(named, [node.selection_set for node in nodes]), None, is_list)
        assert is_leaf_type(named)  # noqa: S101 - introspection has no abstract types
        return _Member(key, read, None, None if named.name in _PLAIN else named.coerce_output_value, is_list)

    def _object(self, selection: _Selection, source: Any) -> tuple[dict[str, Any], int]:
        """The object for a part of the schema, and its size with everything in it."""
        known = selection.known
        if known is not None and (found := known.get(source)) is not None:
            self._count(found[1], found[1])
            return found
        size = selection.size
        self._count(size, size if selection.describes else 0)
        data: dict[str, Any] = {}
        for key, read, inner, write, is_list in selection.members:
            value = read(source)
            if value is None:
                data[key] = None
            elif inner is None:
                if write is not None:
                    value = [write(item) for item in value] if is_list else write(value)
                data[key] = value
            elif is_list:
                items = data[key] = []
                for part in value:
                    item, below = self._object(inner, part)
                    items.append(item)
                    size += below
            else:
                data[key], below = self._object(inner, value)
                size += below
        if known is not None:
            known[source] = data, size
        return data, size


class _Info(NamedTuple):
    """What graphql-core's functions for introspection read of their `info`."""

    schema: GraphQLSchema
    parent_type: GraphQLObjectType


class _Member(NamedTuple):
    """One field of a selection set."""

    key: str
    read: Callable[[Any], Any]
    inner: _Selection | None
    """What is read of its objects; None if its values are leaves."""
    write: Callable[[Any], Any] | None
    """Serializes a leaf; None if it goes into the answer as it is."""
    is_list: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Selection:
    """A selection set, prepared."""

    members: tuple[_Member, ...]
    size: int
    """The size of one object, without what is in it."""
    describes: bool
    """Whether its objects describe the schema; the root object does not."""
    known: dict[Any, tuple[dict[str, Any], int]] | None = field(repr=False)
    """What was read of each type. Other parts of a schema occur in one place only."""


def _reader(definition: GraphQLField, info: _Info, arguments: Mapping[str, Any]) -> Callable[[Any], Any]:
    resolve: Callable[..., Any] = definition.resolve or default_field_resolver
    if arguments:
        return lambda source: resolve(source, info, **arguments)
    return lambda source: resolve(source, info)
