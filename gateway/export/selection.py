"""What an export contains of each type: what a query selects of it, and which lists are read from join tables.

It follows from the schema. Every field without a required argument is exported, unless it depends on who asks. Of an
object that a row refers to, it is the id, as `"conversation": {"id": "…"}`. Lists of objects are left out, because each
of these is exported by itself and refers to its parent; only what is joined to others by a join table is listed.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
)
from strawberry.utils.str_converters import to_camel_case

from gateway.data import scan
from gateway.data.entity import Entity, Link, order_columns
from gateway.errors import Invalid
from gateway.schema.objects.node_types import node_types
from gateway.schema.strawberry_private import core_info

PAGE_FIELD = "pageInfo"
"""Only a page of a list has it."""


@dataclass(frozen=True, slots=True)
class JoinedList:
    """A list that is read from a join table: the API would leave deleted objects out, and end a page."""

    statement: str
    """Selects the ids of the joined objects."""
    is_page: bool

    def shape(self, ids: Sequence[str]) -> Any:
        """The list in the shape of the API."""
        nodes = [{"id": id} for id in ids]
        return {"nodes": nodes} if self.is_page else nodes


@dataclass(frozen=True, slots=True)
class ExportedType:
    """A type whose objects are exported."""

    name: str
    table: str
    query: str
    """The query for objects with these `$ids`."""
    lists: Mapping[str, JoinedList]
    """The lists of joined objects, by field."""

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.jsonl"


@functools.lru_cache(maxsize=4)
def exported_types(schema: GraphQLSchema) -> tuple[ExportedType, ...]:
    """All types that implement `Node`, sorted by name."""
    types = node_types(schema).values()
    entities = {each.entity.name: each.entity for each in types}
    through = [entity.links[name].through for entity in entities.values() for name in entity.changed_lists]
    changed = {each.table for each in through if each is not None}
    found = [_exported(each.of, each.entity, entities, changed) for each in types]
    return tuple(sorted(found, key=lambda each: each.name))


def exported_names(info: Any, names: Sequence[str]) -> list[str]:
    """The names of types to export, each once, sorted. Raises `Invalid` for one that there is none of, or for none."""
    known = {of.name for of in exported_types(core_info(info).schema)}
    for index, name in enumerate(names):
        if name not in known:
            raise Invalid(f"{name[:60]!r} is not a type whose objects are exported.", field=("types", str(index)))
    if not names:
        raise Invalid("Name at least one type, or omit this field to export all.", field="types")
    return sorted(set(names))


def _exported(
    of: GraphQLObjectType, entity: Entity, entities: Mapping[str, Entity], changed: Collection[str]
) -> ExportedType:
    """A type. `changed` are the join tables that mutations change from one side, at which alone they are listed."""
    links = {to_camel_case(name): link for name, link in entity.links.items()}
    selected = [
        _selected(name, field)
        for name, field in of.fields.items()
        if name not in links or (links[name].shape in ("one", "maybe") and links[name].by == "id")
    ]
    lists = {
        to_camel_case(name): JoinedList(
            scan.joined_ids(link.through, order_columns(_order(link, entities[link.target]))), link.shape == "page"
        )
        for name, link in entity.links.items()
        if link.through is not None and (name in entity.changed_lists or link.through.table not in changed)
    }
    fields = " ".join(filter(None, selected))
    query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {of.name} {{ {fields} }} }} }}"
    return ExportedType(of.name, entity.table, query, lists)


def _order(link: Link, target: Entity) -> str:
    order = link.order or target.order
    return order if isinstance(order, str) else str(next(iter(order)).value)


def _selected(name: str, field: GraphQLField) -> str:
    """What to select of a field; empty if it is not exported."""
    of = get_named_type(field.type)
    if any(map(is_required_argument, field.args.values())) or not _is_exported(field):
        return ""
    if is_leaf_type(of):
        return name
    if isinstance(of, GraphQLInterfaceType):
        return f"{name} {{ __typename id }}"
    assert isinstance(of, GraphQLObjectType)  # noqa: S101 - there are no unions
    if PAGE_FIELD in of.fields:
        return ""
    if _is_entity(of):
        return "" if is_list_type(get_nullable_type(field.type)) else f"{name} {{ id }}"
    below = filter(None, (_selected(inner, each) for inner, each in of.fields.items()))
    return f"{name} {{ {' '.join(below)} }}"


def _is_exported(field: GraphQLField) -> bool:
    definition = field.extensions.get("strawberry-definition")
    return bool(getattr(definition, "metadata", {}).get("exported", True))


def _is_entity(of: GraphQLObjectType) -> bool:
    return hasattr(getattr(of.extensions.get("strawberry-definition"), "origin", None), "__entity__")
