"""`node` and `nodes`: find any row of the caller by its id alone.

https://relay.dev/graphql/objectidentification.htm
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any
from uuid import UUID

import strawberry

from gateway.data import statements
from gateway.data.batches import ByKey
from gateway.data.entity import Entity
from gateway.errors import BadRequest
from gateway.schema.fields.root import query
from gateway.schema.objects.entity import Node, id_of

MOST_NODES = 100


def node_queries(entities: Iterable[Entity]) -> list[Callable[..., Any]]:
    """Make the two root fields, which search the tables of all entities."""
    by_table = {entity.table: entity for entity in entities}
    return [_node(by_table), _nodes(by_table)]


def _node(by_table: Mapping[str, Entity]) -> Callable[..., Any]:
    async def node(info: Any, id: Any) -> Any:
        (row,) = await _find(info, by_table, [id_of(id)])
        return row

    text = "One of the caller's objects of any type, by id. Includes deleted objects; null if there is none."
    return _declared(node, text, Node | None, id=(strawberry.ID, "The object's id, a UUID."))


def _nodes(by_table: Mapping[str, Entity]) -> Callable[..., Any]:
    async def nodes(info: Any, ids: Any) -> Any:
        if len(ids) > MOST_NODES:
            raise BadRequest(f"ids: at most {MOST_NODES} are allowed, not {len(ids)}.", argument="ids")
        return await _find(info, by_table, [id_of(id, "ids") for id in ids])

    text = "The caller's objects with these ids, in the same order. An item is null if there is no such object."
    return _declared(
        nodes, text, list[Node | None], ids=(list[strawberry.ID], f"At most {MOST_NODES} ids, each a UUID.")
    )


async def _find(info: Any, by_table: Mapping[str, Entity], ids: list[UUID]) -> list[Any]:
    context = info.context
    rows = await context.tenant.fetch(statements.which_table(tuple(by_table)), ids)
    entities = {row["id"]: by_table[row["entity"]] for row in rows}
    return await asyncio.gather(*(_load(info, entities.get(id), id) for id in ids))


async def _load(info: Any, entity: Entity | None, id: UUID) -> Any:
    if entity is None:
        return None
    wanted = info.context.columns(info, entity)
    return await info.context.load(ByKey(entity.table, "id", wanted, entity.record), id)


def _declared(
    function: Callable[..., Any], text: str, returns: Any, **arguments: tuple[Any, str]
) -> Callable[..., Any]:
    function.__doc__ = text
    described = {name: Annotated[of, strawberry.argument(description=words)] for name, (of, words) in arguments.items()}
    function.__annotations__ = {"info": strawberry.Info, **described, "return": returns}
    return query(function)
