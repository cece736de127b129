"""The types of a schema that are entities: those that `node` and links to any type lead to."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

from gateway.data.entity import Entity


@dataclass(frozen=True, slots=True)
class NodeType:
    """A type that is an entity."""

    of: GraphQLObjectType
    entity: Entity
    declared: type[Any]
    """The class that declares it."""


@functools.lru_cache(maxsize=4)
def node_types(schema: GraphQLSchema) -> Mapping[str, NodeType]:
    """The types that implement `Node`, by the names of their tables."""
    node = schema.get_type("Node")
    assert isinstance(node, GraphQLInterfaceType)  # noqa: S101 - only schemas with it have such fields
    found = [(of, of.extensions["strawberry-definition"].origin) for of in schema.get_possible_types(node)]
    return {cls.__entity__.table: NodeType(of, cls.__entity__, cls) for of, cls in found}
