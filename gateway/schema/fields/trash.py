"""The trash: the list of deleted objects of all types that have `deletedAt`, besides the user.

`resolvers/removal` restores them or removes them for good.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from gateway.data import statements
from gateway.data.queries import sql
from gateway.errors import BadRequest, Invalid, NotFound
from gateway.schema.fields.connection import LARGEST_PAGE, PAGE_SIZES, USUAL_PAGE, PageInfo, ReadPage
from gateway.schema.fields.node import any_of
from gateway.schema.objects.node_types import NodeType, node_types
from gateway.schema.strawberry_private import core_info
from gateway.schema.types import cursor as cursors
from gateway.schema.types.scalars import Cursor
from gateway.schema.types.typing import object_type

ORDER = "-deleted_at"


@object_type
class TrashItem:
    """A deleted object."""

    entity: str
    """The name of the object's type, such as `Conversation`."""
    id: strawberry.ID
    """The object's id, a UUID."""
    deleted_at: datetime.datetime
    """When it was deleted."""
    table: strawberry.Private[str]
    key: strawberry.Private[UUID]

    node = any_of(entity="table", key="key")
    """The object."""


@object_type
class TrashEdge:
    """A deleted object in a list, with its cursor."""

    cursor: Cursor
    """The position of the item. Pass it as `after`."""
    node: TrashItem
    """The deleted object at this position."""


@object_type
class TrashConnection:
    """One page of a list of deleted objects."""

    edges: list[TrashEdge]
    """The items of this page, each with its cursor."""
    nodes: list[TrashItem]
    """The items of this page, without cursors."""
    page_info: PageInfo  # type: ignore[valid-type]
    """Whether there are more pages, and the cursors of this one."""


_Types = Annotated[
    list[str] | None,
    strawberry.argument(description='Only objects of these types, such as `["Conversation"]`. Defaults to all.'),
]
_First = Annotated[
    int | None,
    strawberry.argument(description=f"How many items to return, up to {LARGEST_PAGE}; {USUAL_PAGE} if it is null."),
]
_After = Annotated[Cursor | None, strawberry.argument(description="Return the items after this cursor.")]


def trash_list() -> Any:
    """Make the field of the user that lists deleted objects."""

    async def trash(
        self: Any, info: strawberry.Info, types: _Types = None, first: _First = None, after: _After = None
    ) -> TrashConnection:
        return await _read(info, types, first, after)

    text = (
        "The user's deleted objects, last deleted first. What was deleted together with another object, or belongs to "
        "a deleted one, comes back with that one and is left out."
    )
    metadata = {"needs": (), PAGE_SIZES: (USUAL_PAGE, LARGEST_PAGE)}
    return strawberry.field(resolver=trash, description=text, metadata=metadata)


async def _read(info: Any, types: list[str] | None, first: int | None, after: Cursor | None) -> TrashConnection:
    size = USUAL_PAGE if first is None else first
    if not 0 <= size <= LARGEST_PAGE:
        raise BadRequest(f"first: {size} is not between 0 and {LARGEST_PAGE}.", argument="first")
    kinds = (datetime.datetime, UUID)
    at, id = (None, None) if after is None else cursors.decode(after, ORDER, kinds, "after", nullable=(False, False))
    try:
        tables = tables_in_trash(info, types)
    except Invalid as error:
        raise BadRequest(f"types: {error.message}", argument="types") from None
    rows = await info.context.rows(sql.removal.trash.page, tables=tables, after_at=at, after_id=id, most=size + 1)
    names = node_types(core_info(info).schema)
    edges = [_edge(row, names) for row in rows[:size]]
    page: Any = ReadPage(
        edges[0].cursor if edges else None,
        edges[-1].cursor if edges else None,
        has_next_page=len(rows) > size,
        has_previous_page=after is not None,
    )
    return TrashConnection(edges=edges, nodes=[edge.node for edge in edges], page_info=page)


def tables_in_trash(info: Any, types: Sequence[str] | None) -> list[str]:
    """The tables of the types with these names, or of all. Raises `Invalid` for a type without deleted objects."""
    known = {each.entity.name: table for table, each in _in_trash(info).items()}
    for index, name in enumerate(types or ()):
        if name not in known:
            reason = f"{name[:60]!r} is not a type whose objects can be deleted."
            raise Invalid(reason, field=("types", str(index)))
    return list(known.values()) if types is None else list(dict.fromkeys(known[name] for name in types))


async def type_in_trash(info: Any, id: UUID) -> NodeType:
    """The type of the caller's object with this id, above all of a deleted one. Raises `NotFound`."""
    known = _in_trash(info)
    rows = await info.context.tenant.fetch(statements.which_trash(tuple(known)), id)
    if not rows:
        raise NotFound("There is no object with this id that can be in the trash.", field="id")
    return known[rows[0]["entity"]]


def _in_trash(info: Any) -> dict[str, NodeType]:
    types = node_types(core_info(info).schema)
    return {table: each for table, each in types.items() if each.entity.in_trash}


def _edge(row: Any, names: Mapping[str, NodeType]) -> TrashEdge:
    table, id, at = row["entity"], row["id"], row["deleted_at"]
    item = TrashItem(entity=names[table].entity.name, id=strawberry.ID(str(id)), deleted_at=at, table=table, key=id)
    return TrashEdge(cursor=Cursor(cursors.encode(ORDER, (at, id))), node=item)
