"""Objects of any type: `node` and `nodes`, which find them by their ids alone, and links to them.

    subject = any_of(entity="entity", key="entity_id")

https://relay.dev/graphql/objectidentification.htm
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Annotated, Any
from uuid import UUID

import strawberry

from gateway.data.batches import ByKey, InAnyTable
from gateway.data.entity import AnyLink, Entity
from gateway.errors import BadRequest
from gateway.schema.fields.root import query
from gateway.schema.objects.entity import Node, id_of
from gateway.schema.objects.level import LEVEL_RESOLVER, LookupAny
from gateway.schema.objects.node_types import NodeType, node_types
from gateway.schema.objects.selection import named
from gateway.schema.strawberry_private import core_info
from gateway.schema.types.signature import INFO, ROOT, signed

MOST_NODES = 100


def any_of(*, entity: str, key: str) -> Any:
    """Declare a link to an object of any type; null if there is none.

    `entity` names the column or attribute that holds the name of the object's table, and `key` the one that holds its
    id. Entities, events and other object types may have such links.
    """
    link = AnyLink(entity, key)

    async def resolve(root: Any, info: strawberry.Info) -> Any:
        id = getattr(root, key)
        table = node_types(core_info(info).schema).get(getattr(root, entity))
        return None if id is None or table is None else await info.context.load(_by_id(info, table.entity), id)

    signed(resolve, (ROOT, INFO), Node | None)
    return strawberry.field(resolver=resolve, metadata={LEVEL_RESOLVER: link, "needs": (entity, key)})


def node_queries() -> list[Callable[..., Any]]:
    """Make the two root fields, which search the tables of all entities."""
    return [
        _finding(
            "node",
            "One of the caller's objects of any type, by id. Includes deleted objects; null if there is none.",
            Node | None,
            _one_id,
            id=(strawberry.ID, "The object's id, a UUID."),
        ),
        _finding(
            "nodes",
            "The caller's objects with these ids, in the same order. An item is null if there is no such object.",
            list[Node | None],
            _several_ids,
            ids=(list[strawberry.ID], f"At most {MOST_NODES} ids, each a UUID."),
        ),
    ]


def _one_id(id: Any) -> list[UUID]:
    return [id_of(id)]


def _several_ids(ids: Any) -> list[UUID]:
    if len(ids) > MOST_NODES:
        raise BadRequest(f"ids: at most {MOST_NODES} are allowed, not {len(ids)}.", argument="ids")
    return [id_of(id, "ids") for id in ids]


def in_any_table(types: Mapping[str, NodeType], likely: set[str], by_id: Callable[[Entity], ByKey]) -> InAnyTable:
    """The batch that finds objects of any type. `likely` are the names of the types to look for first."""
    tables = {True: list[str](), False: list[str]()}
    for table, of in types.items():
        tables[of.entity.name in likely].append(table)
    return InAnyTable(tuple(tables[True]), tuple(tables[False]), lambda table: by_id(types[table].entity))


def _finding(
    name: str, text: str, returns: Any, ids_of: Callable[..., list[UUID]], **arguments: tuple[Any, str]
) -> Callable[..., Any]:
    several = typing.get_origin(returns) is list

    async def find(info: Any, **given: Any) -> Any:
        ids = ids_of(**given)
        raw = core_info(info)
        likely = named(raw.field_nodes, raw.fragments)
        batch = in_any_table(node_types(raw.schema), likely, lambda entity: _by_id(info, entity))
        found: Mapping[UUID, Any] = await batch.load(info.context.tenant, list(dict.fromkeys(ids)))
        rows = [found.get(id) for id in ids]
        return rows if several else rows[0]

    find.__name__, find.__doc__ = name, text
    described = [
        Parameter(key, Parameter.KEYWORD_ONLY, annotation=Annotated[of, strawberry.argument(description=words)])
        for key, (of, words) in arguments.items()
    ]
    signed(find, (INFO, *described), returns)
    find.__lookup__ = LookupAny(ids_of)  # type: ignore[attr-defined]
    return query(find)


def _by_id(info: Any, entity: Entity) -> ByKey:
    return ByKey(entity.table, "id", info.context.columns(info, entity), entity.record)
