"""The trash: deleted objects of all types, which can be restored or removed for good.

`viewer.trash` lists them. `restore`, `purge` and `emptyTrash` work on objects of any type that has `deletedAt`, besides
the user.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from gateway.data import statements
from gateway.data.entity import entity_of
from gateway.data.queries import sql
from gateway.errors import BadRequest, Conflict, Invalid, NotFound
from gateway.schema.fields.connection import LARGEST_PAGE, PAGE_SIZES, USUAL_PAGE, PageInfo, ReadPage
from gateway.schema.fields.node import any_of
from gateway.schema.fields.root import mutation, payload
from gateway.schema.fields.versioned import set_deleted
from gateway.schema.objects.entity import Node, id_of
from gateway.schema.objects.node_types import node_types
from gateway.schema.strawberry_private import core_info
from gateway.schema.types import cursor as cursors
from gateway.schema.types.scalars import BigInt, Cursor
from gateway.schema.types.typing import input_type, object_type

ORDER = "-deleted_at"
BATCH = 250
"""Rows that one transaction removes. It holds the locks of the user's feed for about 50 ms."""
BATCHES_AT_ONCE = 4
"""Batches that a mutation does itself. Background work does the rest."""
MOST_AT_ONCE = 1000
"""Objects that one `emptyTrash` takes."""


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
    known = {
        each.entity.name: table for table, each in node_types(core_info(info).schema).items() if each.entity.in_trash
    }
    kinds = (datetime.datetime, UUID)
    at, id = (None, None) if after is None else cursors.decode(after, ORDER, kinds, "after", nullable=(False, False))
    tables = _tables(known, types)
    rows = await info.context.rows(sql.removal.trash.page, tables=tables, after_at=at, after_id=id, most=size + 1)
    names = {table: name for name, table in known.items()}
    edges = [_edge(row, names) for row in rows[:size]]
    page: Any = ReadPage(
        edges[0].cursor if edges else None,
        edges[-1].cursor if edges else None,
        has_next_page=len(rows) > size,
        has_previous_page=after is not None,
    )
    return TrashConnection(edges=edges, nodes=[edge.node for edge in edges], page_info=page)


def trash_mutations(classes: Mapping[str, type]) -> list[Callable[..., Any]]:
    """Make `restore`, `purge` and `emptyTrash` for these entities, by name."""
    tables = {name: entity_of(cls).table for name, cls in classes.items() if entity_of(cls).in_trash}
    by_table = {tables[name]: cls for name, cls in classes.items() if name in tables}
    return [_restore(by_table), _purge(by_table), _empty(tables)]


@input_type
class RestoreInput:
    """The deleted object to restore, of any type."""

    id: strawberry.ID
    """The id of the object, a UUID."""
    expected_version: BigInt | None = None
    """The `version` that the object must have; otherwise nothing changes. Defaults to any version."""


@payload
class Restored:
    node: Node
    """The object in its current state; null if there is none to return."""


@input_type
class PurgeInput:
    """The deleted object to remove permanently, of any type."""

    id: strawberry.ID
    """The id of the object, a UUID."""


@payload
class Purged:
    id: strawberry.ID
    """The id of the object, which can no longer be restored; null if it is not being removed."""
    is_complete: bool
    """Whether the object and all that belonged to it are gone. Otherwise, they will be soon."""


@input_type
class EmptyTrashInput:
    """The deleted objects to remove: all of them, or those of some types."""

    types: list[str] | None = None
    """Only objects of these types, such as `["Conversation"]`. Defaults to all."""


@payload
class Emptied:
    removed: int
    """How many objects can no longer be restored, without what belonged to them. If there are more, at most 1,000."""
    is_complete: bool
    """Whether all of them are gone. Otherwise, they will be soon."""


def _restore(by_table: Mapping[str, type]) -> Callable[..., Any]:
    async def restore(info: Any, input: RestoreInput) -> Restored:
        """Restore a deleted object of any type, with what was deleted with it.

        If it is not deleted, it is returned unchanged. Only a person can do this: agents' tokens are refused.
        """
        info.context.require_person("restore objects")
        cls = by_table[await _table_of(info, by_table, id_of(input.id))]
        async with info.context.autocommit() as db:
            return Restored(node=await set_deleted(db, cls, input, deleted=False))

    return mutation(restore)


def _purge(by_table: Mapping[str, type]) -> Callable[..., Any]:
    async def purge(info: Any, input: PurgeInput) -> Purged:
        """Remove a deleted object of any type permanently, with all that belonged to it. Usage is kept.

        Sent again, it continues. Only a person can do this: agents' tokens are refused.
        """
        info.context.require_person("remove objects permanently")
        id = id_of(input.id)
        table = await _table_of(info, by_table, id)
        async with info.context.autocommit() as db:
            (begun,) = await db.rows(sql.removal.trash.begin_purge, entity=table, id=id)
            if not begun["begun"]:
                raise Conflict("Delete this object first.", field="id", current=None)
            await _go_on(db)
            left = await db.get(by_table[table], id)
        return Purged(id=input.id, is_complete=left is None)

    return mutation(purge)


def _empty(tables: Mapping[str, str]) -> Callable[..., Any]:
    async def empty_trash(info: Any, input: EmptyTrashInput) -> Emptied:
        """Remove everything in the trash permanently. Only a person can do this: agents' tokens are refused."""
        info.context.require_person("empty the trash")
        for index, name in enumerate(input.types or ()):
            if name not in tables:
                raise Invalid(_no_type(name), field=("types", str(index)))
        wanted = _tables(tables, input.types)
        async with info.context.autocommit() as db:
            (begun,) = await db.rows(sql.removal.trash.begin_all, tables=wanted, most=MOST_AT_ONCE)
            is_complete = await _go_on(db)
        return Emptied(removed=begun["begun"], is_complete=is_complete)

    return mutation(empty_trash)


async def _table_of(info: Any, by_table: Mapping[str, type], id: UUID) -> str:
    """The table that has the object. Raises `NotFound`."""
    rows = await info.context.tenant.fetch(statements.which_table(tuple(by_table), one=True), id)
    if not rows:
        raise NotFound("There is no such object that can be deleted.", field="id")
    return rows[0]["entity"]  # type: ignore[no-any-return]


async def _go_on(db: Any) -> bool:
    """Remove some of what was requested. Returns whether nothing is left."""
    for _ in range(BATCHES_AT_ONCE):
        if not await db.rows(sql.removal.trash.go_on, most=BATCH):
            return True
    return False


def _edge(row: Any, names: Mapping[str, str]) -> TrashEdge:
    table, id, at = row["entity"], row["id"], row["deleted_at"]
    item = TrashItem(entity=names[table], id=strawberry.ID(str(id)), deleted_at=at, table=table, key=id)
    return TrashEdge(cursor=Cursor(cursors.encode(ORDER, (at, id))), node=item)


def _no_type(name: str) -> str:
    return f"{name[:60]!r} is not a type whose objects can be deleted."


def _tables(tables: Mapping[str, str], types: Sequence[str] | None) -> list[str]:
    """The tables of the types with these names, or of all. Raises `BadRequest`."""
    if types is None:
        return list(tables.values())
    for name in types:
        if name not in tables:
            raise BadRequest(f"types: {_no_type(name)}", argument="types")
    return [tables[name] for name in types]
