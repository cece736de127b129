"""Connections: the types of a paged list (Relay's cursor connections, with `nodes` and `totalCount`) and their
arguments.

https://relay.dev/graphql/connections.htm
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID

import strawberry

from gateway.data.batches import Count, Page, PageRequest, PageRows
from gateway.errors import BadRequest
from gateway.schema import cursor as cursors
from gateway.schema.entity import Entity
from gateway.schema.filter import conditions
from gateway.schema.level import Computed, OfPage, PerPage, Told, telling
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
    batch: Page


@dataclass(frozen=True, slots=True)
class Connection:
    """A page that was read, and what is needed to say more of it when asked."""

    batch: Page
    key: UUID
    found: PageRows


def cursor_of(batch: Page, row: Any) -> Cursor:
    """Where a row stands in the list that the batch read from."""
    request = batch.request
    return Cursor(cursors.encode(request.sort, tuple(row[column] for column in request.order)))


def page_info(batch: Page, page: PageRows) -> PageInfo:
    """Where a page of the batch stands in its list."""
    request, rows = batch.request, page.rows
    # A cursor comes from a row that was there, so a page that continues has something on its other side.
    continued = request.place is not None
    return PageInfo(
        has_next_page=continued if request.backward else page.more,
        has_previous_page=page.more if request.backward else continued,
        start_cursor=cursor_of(batch, rows[0]) if rows else None,
        end_cursor=cursor_of(batch, rows[-1]) if rows else None,
    )


def count_of(batch: Page) -> Count:
    """The batch that counts the lists that this one reads a page of."""
    request = batch.request
    return Count(batch.source, request.conditions, request.values)


def page_request(entity: Entity, link: Link, arguments: Mapping[str, Any]) -> PageRequest:
    """The page that a field's arguments ask for. Raises `BadRequest` naming the argument at fault."""
    size, backward = _size(arguments)
    order = _order(link.order or entity.order, arguments.get("order_by"))
    columns = entity.total_order(order)
    argument = "before" if backward else "after"
    place = None
    if (text := arguments.get(argument)) is not None:
        place = cursors.decode(text, order, tuple(entity.kinds[column] for column in columns), argument)
    tests, values = conditions(entity, arguments.get("filter"))
    return PageRequest(size, order, columns, order.startswith("-"), backward, place, tests, values)


def _order(declared: str | type[enum.Enum], chosen: enum.Enum | None) -> str:
    if isinstance(declared, str):
        return declared
    member = chosen if chosen is not None else next(iter(declared))
    return str(member.value)


def _size(arguments: Mapping[str, Any]) -> tuple[int, bool]:
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
    """The connection of an entity's class.

    Each field is told twice: for one object that a resolver gave, a `Connection` or an `Edge`; and for a level of them,
    where what came of the `Page` batch stands for a connection, and a row for its edge.
    """
    name = node.__name__
    edge = _type(
        f"{name}Edge",
        f"A {name} with its place in the list.",
        cursor=_field(
            OfPage(cursor_of), lambda edge: cursor_of(edge.batch, edge.node), Cursor, "Continues a list from this row."
        ),
        node=_field(Computed(_itself), lambda edge: edge.node, node, f"The {name} itself."),
    )
    return _type(
        f"{name}Connection",
        f"A page of a list of {name}.",
        edges=_field(
            Computed(_ROWS),
            lambda page: [Edge(row, page.batch) for row in page.found.rows],
            list[edge],  # type: ignore[valid-type]
            "The rows with their cursors.",
        ),
        nodes=_field(Computed(_ROWS), lambda page: page.found.rows, list[node], "The rows."),  # type: ignore[valid-type]
        page_info=_field(
            OfPage(page_info),
            lambda page: page_info(page.batch, page.found),
            PageInfo,
            "Where this page stands in the list.",
        ),
        total_count=telling(
            PerPage(count_of),
            resolver=_total_count,
            description="How many rows the whole list has. Counted only when asked for.",
        ),
    )


_ROWS = attrgetter("rows")


def _itself(row: Any) -> Any:
    return row


async def _total_count(root: Connection, info: strawberry.Info) -> int:
    return await info.context.load(count_of(root.batch), root.key)  # type: ignore[no-any-return]


def _field(told: Told, resolve: Callable[[Any], Any], of: Any, description: str) -> Any:
    def resolver(root: Any) -> Any:
        return resolve(root)

    resolver.__annotations__ = {"root": Any, "return": of}
    return telling(told, resolver=resolver, description=description)


def _type(name: str, description: str, **fields: Any) -> type:
    return strawberry.type(type(name, (), dict(fields)), name=name, description=description)
