"""A field of an operation, and where a member of a response object comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLOutputType


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field of a selection: its response key, its definition in the schema and its nodes in the document."""

    key: str
    name: str
    nodes: list[FieldNode]
    parent: GraphQLObjectType
    definition: GraphQLField
    path: tuple[str, ...]
    """The response keys from the root, without list indexes."""
    memo: dict[Any, Any] = field(default_factory=dict)
    """What resolvers compute from the selection alone, kept for every run of the plan."""

    @property
    def type(self) -> GraphQLOutputType:
        """The field's type."""
        return self.definition.type


@dataclass(frozen=True, slots=True)
class Inline:
    """A value that is an expression over its object `r`, and needs no step of its own."""

    code: Callable[[], str]
    """Returns the expression. To be called once all columns of the level are known."""
    names: dict[str, Any] = field(default_factory=dict)
    """What the names in the expression refer to."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A member of the objects of a selection: read inline, or from a step."""

    key: str
    inline: Inline | None = None
    step: int | None = None
    field: Field | None = None
    """None for `__typename`."""
