"""The types of a schema that are entities: those that `node` and links to any type lead to."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

from gateway.data.entity import Entity


@dataclass(frozen=True, slots=True)
class NodeType:
    """A type that is an entity."""

    of: GraphQLObjectType
    entity: Entity


@functools.lru_cache(maxsize=4)
def node_types(schema: GraphQLSchema) -> Mapping[str, NodeType]:
    """The types that implement `Node`, by the names of their tables."""
    node = schema.get_type("Node")
    assert isinstance(node, GraphQLInterfaceType)  # noqa: S101 - only schemas with it have such fields
    found = [(of, of.extensions["strawberry-definition"].origin.__entity__) for of in schema.get_possible_types(node)]
    return {entity.table: NodeType(of, entity) for of, entity in found}
