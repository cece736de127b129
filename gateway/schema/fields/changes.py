"""One stream of everything: `Query.changes` and `Subscription.changes` tell of the changes of all types.

A client that keeps a copy of a user's objects reads them once, together with `feedCursor`, and continues from there:

    query { changes(after: "1.7") { nodes { op entity id node { ... on Note { text } } } pageInfo { endCursor } } }
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any

import strawberry

from gateway.data.entity import Entity
from gateway.errors import BadRequest
from gateway.feed.changes import FeedCursor
from gateway.feed.compacted import read_page
from gateway.schema.fields.connection import PAGE_SIZES, PageInfo, ReadPage
from gateway.schema.fields.event import CURSOR, OPS, ChangeOp, Event, occurrence
from gateway.schema.fields.node import any_of
from gateway.schema.fields.root import query, subscription
from gateway.schema.types.argument import After
from gateway.schema.types.scalars import Cursor
from gateway.schema.types.typing import object_type

USUAL_PAGE = 200
LARGEST_PAGE = 1000

_Types = Annotated[
    list[str] | None,
    strawberry.argument(description='Only changes of objects of these types, such as `["Message"]`. Defaults to all.'),
]
_From = Annotated[
    Cursor | None,
    strawberry.argument(
        description="Return the changes after this cursor, which may be a `feedCursor`. Defaults to the beginning."
    ),
]
_First = Annotated[
    int | None,
    strawberry.argument(description=f"How many changes to return, up to {LARGEST_PAGE}; {USUAL_PAGE} if it is null."),
]


def change_fields(entities: Mapping[str, Entity]) -> list[Callable[..., Any]]:
    """Make the two root fields, for these entities by name."""
    tables = {name: entity.table for name, entity in entities.items()}
    change = _change_type({table: name for name, table in tables.items()})
    return [_query(change, tables), _subscription(change, tables)]


def _change_type(names: Mapping[str, str]) -> type:
    """Make the event class `Change`. `names` are the names of the types by table."""

    def name_of_type(self: Any) -> str:
        return names[self.entity]

    @object_type
    class Change:
        """A change of one of the caller's objects."""

        cursor: Cursor = strawberry.field(description=CURSOR)
        op: ChangeOp = strawberry.field(description="The kind of change.")
        at: datetime.datetime = strawberry.field(description="When it changed.")

        type_name: str = strawberry.field(
            resolver=name_of_type, name="entity", description="The name of the object's type, such as `Message`."
        )
        id: strawberry.ID = strawberry.field(resolver=_entity_id, description="The object's id, a UUID.")
        node = any_of(entity="entity", key="entity_id")
        """The object in its current state; null if it was permanently removed."""

    Change.__event__ = Event(None, frozenset(OPS), {}, {})  # type: ignore[attr-defined]
    return Change


def _entity_id(self: Any) -> strawberry.ID:
    return strawberry.ID(str(self.entity_id))


def _query(change: type, tables: Mapping[str, str]) -> Callable[..., Any]:
    connection, edge = _connection_types(change)

    async def changes(
        info: strawberry.Info, after: _From = None, first: _First = USUAL_PAGE, types: _Types = None
    ) -> Any:
        cursor = None if after is None else FeedCursor.read(after)
        page = await read_page(info.context.tenant, cursor, _size(first), _tables(tables, types))
        nodes: list[Any] = [occurrence(change, each) for each in page.changes]
        start = Cursor(page.changes[0].cursor) if page.changes else None
        return connection(
            nodes=nodes,
            edges=[edge(cursor=node.cursor, node=node) for node in nodes],
            page_info=ReadPage(start, Cursor(str(page.end)), page.more, has_previous_page=False),
        )

    changes.__doc__ = (
        "What changed after a cursor, in the order of the changes: of each object only its last change, so an object "
        "that changes again between two pages is on a later page again. A page may hold fewer changes than `first`, "
        "even none: continue after `endCursor`, which is never null, while there are more pages. Fails with `RESYNC` "
        "if the feed no longer goes back to the cursor."
    )
    changes.__annotations__["return"] = connection
    changes.__metadata__ = {PAGE_SIZES: (USUAL_PAGE, LARGEST_PAGE)}  # type: ignore[attr-defined]
    return query(changes)


def _subscription(change: type, tables: Mapping[str, str]) -> Callable[..., Any]:
    async def changes(info: strawberry.Info, after: After = None, types: _Types = None) -> Any:
        return await info.context.changes(change, after=after, tables=_tables(tables, types))

    changes.__doc__ = "Every change of the caller's objects of all types, exactly once and in order."
    changes.__annotations__["return"] = AsyncIterator[change]  # type: ignore[valid-type]
    return subscription(scope="read")(changes)


def _connection_types(change: type) -> tuple[Any, Any]:
    edge = _type(
        "ChangeEdge",
        "A change in a list, with its cursor.",
        cursor=(Cursor, "The position of the item. Pass it as `after`."),
        node=(change, "The change at this position."),
    )
    connection = _type(
        "ChangeConnection",
        "One page of a list of changes.",
        edges=(list[edge], "The items of this page, each with its cursor."),  # type: ignore[valid-type]
        nodes=(list[change], "The items of this page, without cursors."),  # type: ignore[valid-type]
        page_info=(PageInfo, "Whether there are more pages, and the cursors of this one."),
    )
    return connection, edge


def _type(name: str, description: str, **fields: tuple[Any, str]) -> Any:
    body: dict[str, Any] = {key: strawberry.field(description=text) for key, (_, text) in fields.items()}
    body["__annotations__"] = {key: of for key, (of, _) in fields.items()}
    return strawberry.type(type(name, (), body), description=description)


def _size(first: int | None) -> int:
    size = USUAL_PAGE if first is None else first
    if not 0 <= size <= LARGEST_PAGE:
        raise BadRequest(f"first: {size} is not between 0 and {LARGEST_PAGE}.", argument="first")
    return size


def _tables(tables: Mapping[str, str], types: list[str] | None) -> frozenset[str]:
    """The tables of the types with these names, or of all types."""
    if types is None:
        return frozenset(tables.values())
    if not types:
        raise BadRequest("types: name at least one type, or omit it for all types.", argument="types")
    for name in types:
        if name not in tables:
            raise BadRequest(
                f"types: {name[:60]!r} is not a type of objects that have an id and a version (`Node`).",
                argument="types",
            )
    return frozenset(tables[name] for name in types)
