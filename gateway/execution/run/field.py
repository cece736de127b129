"""A field of an operation, and how a member of a response object is had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLOutputType


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field of a selection: its key in the response, and what it is in the schema and in the document."""

    key: str
    name: str
    nodes: list[FieldNode]
    parent: GraphQLObjectType
    definition: GraphQLField
    path: tuple[str, ...]
    """The keys from the root of the response, without places in lists."""
    memo: dict[Any, Any] = field(default_factory=dict)
    """What resolvers work out from the selection alone, kept for all who run the plan."""

    @property
    def type(self) -> GraphQLOutputType:
        """What the field returns."""
        return self.definition.type


@dataclass(frozen=True, slots=True)
class Inline:
    """A value that is an expression over its object `r`, and needs no step of its own."""

    code: Callable[[], str]
    """The expression; asked for once all columns of the level are known."""
    names: dict[str, Any] = field(default_factory=dict)
    """What its names stand for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A member of the objects of a selection: read inline, or given by a step."""

    key: str
    inline: Inline | None = None
    step: int | None = None
    field: Field | None = None
    """None for `__typename`."""
