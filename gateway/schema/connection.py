"""Connections: the types of a paged list (Relay's cursor connections, with `nodes` and `totalCount`) and their
arguments.

https://relay.dev/graphql/connections.htm
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import strawberry

from gateway.data.batches import Count, Page, PageRequest, PageRows
from gateway.errors import BadRequest
from gateway.schema import cursor as cursors
from gateway.schema.entity import Entity
from gateway.schema.filter import conditions
from gateway.schema.link import Link
from gateway.schema.scalars import Cursor

LARGEST_PAGE = 200
USUAL_PAGE = 50


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether more follows this page.")
    has_previous_page: bool = strawberry.field(description="Whether anything comes before this page.")
    start_cursor: Cursor | None = strawberry.field(description="The cursor of the first row; null on an empty page.")
    end_cursor: Cursor | None = strawberry.field(description="The cursor of the last row; null on an empty page.")


@dataclass(frozen=True, slots=True)
class Edge:
    """A row with its place in the list."""

    node: Any
    connection: Connection

    def cursor(self) -> Cursor:
        return self.connection.cursor(self.node)


@dataclass(frozen=True, slots=True)
class Connection:
    """A page that was read, and what is needed to say more of it when asked."""

    batch: Page
    key: UUID
    order: str
    found: PageRows

    def nodes(self) -> list[Any]:
        return list(self.found.rows)

    def edges(self) -> list[Edge]:
        return [Edge(row, self) for row in self.found.rows]

    def cursor(self, row: Any) -> Cursor:
        return Cursor(cursors.encode(self.order, tuple(row[column] for column in self.batch.request.order)))

    def page_info(self) -> PageInfo:
        request, rows = self.batch.request, self.found.rows
        # A cursor comes from a row that was there, so a page that continues has something on its other side.
        continued = request.place is not None
        return PageInfo(
            has_next_page=continued if request.backward else self.found.more,
            has_previous_page=self.found.more if request.backward else continued,
            start_cursor=self.cursor(rows[0]) if rows else None,
            end_cursor=self.cursor(rows[-1]) if rows else None,
        )

    async def total_count(self, info: Any) -> int:
        request = self.batch.request
        count = Count(self.batch.source, request.conditions, request.values)
        return await info.context.load(count, self.key)  # type: ignore[no-any-return]


def page_request(entity: Entity, link: Link, arguments: dict[str, Any]) -> tuple[str, PageRequest]:
    """The order and the page that a field's arguments ask for. Raises `BadRequest` naming the argument at fault."""
    size, backward = _size(arguments)
    order = _order(link.order or entity.order, arguments.get("order_by"))
    columns = entity.total_order(order)
    argument = "before" if backward else "after"
    place = None
    if (text := arguments.get(argument)) is not None:
        place = cursors.decode(text, order, tuple(entity.kinds[column] for column in columns), argument)
    tests, values = conditions(entity, arguments.get("filter"))
    return order, PageRequest(size, columns, order.startswith("-"), backward, place, tests, values)


def _order(declared: str | type[enum.Enum], chosen: enum.Enum | None) -> str:
    if isinstance(declared, str):
        return declared
    member = chosen if chosen is not None else next(iter(declared))
    return str(member.value)


def _size(arguments: dict[str, Any]) -> tuple[int, bool]:
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise BadRequest("first, last: give one of them, not both.", argument="last")
    backward = last is not None
    name, size = ("last", last) if backward else ("first", first)
    if size is None:
        size = USUAL_PAGE
    if not 0 <= size <= LARGEST_PAGE:
        raise BadRequest(f"{name}: {size} is not between 0 and {LARGEST_PAGE}.", argument=name)
    stray = "after" if backward else "before"
    if arguments.get(stray) is not None:
        raise BadRequest(f"{stray}: goes with {'first' if backward else 'last'}, not {name}.", argument=stray)
    return size, backward


@functools.cache
def connection_type(node: type) -> type:
    """The connection of an entity's class."""
    name = node.__name__
    edge = _type(
        f"{name}Edge",
        f"A {name} with its place in the list.",
        cursor=_field(Edge.cursor, Cursor, "Continues a list from this row."),
        node=_field(lambda root: root.node, node, f"The {name}."),
    )
    return _type(
        f"{name}Connection",
        f"A page of a list of {name}.",
        edges=_field(Connection.edges, list[edge], "The rows with their cursors."),  # type: ignore[valid-type]
        nodes=_field(Connection.nodes, list[node], "The rows."),  # type: ignore[valid-type]
        page_info=_field(Connection.page_info, PageInfo, "Where this page stands in the list."),
        total_count=strawberry.field(
            resolver=_total_count, description="How many rows the whole list has. Counted only when asked for."
        ),
    )


async def _total_count(root: Connection, info: strawberry.Info) -> int:
    return await root.total_count(info)


def _field(resolve: Any, of: Any, description: str) -> Any:
    def resolver(root: Any) -> Any:
        return resolve(root)

    resolver.__annotations__ = {"root": Any, "return": of}
    return strawberry.field(resolver=resolver, description=description)


def _type(name: str, description: str, **fields: Any) -> type:
    return strawberry.type(type(name, (), dict(fields)), name=name, description=description)
