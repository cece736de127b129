"""Connections: the types and arguments of a paginated list (Relay's cursor connections, with `nodes` and `totalCount`).

https://relay.dev/graphql/connections.htm
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

import strawberry

from gateway.data.batches import Beyond, Count, Page, PageRequest, PageRows
from gateway.data.entity import Entity, Link
from gateway.errors import BadRequest
from gateway.schema.objects.filter import conditions
from gateway.schema.objects.level import Computed, LevelResolver, OfPage, PerPage, level_field
from gateway.schema.types import cursor as cursors
from gateway.schema.types import describe
from gateway.schema.types.scalars import Cursor

LARGEST_PAGE = 200
USUAL_PAGE = 50
PAGE_SIZES = "page sizes"
"""The key in a field's metadata for the usual and the largest size of its pages, if they are not those above."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A row, and the batch that it came from, which gives its cursor."""

    node: Any
    batch: Page


@dataclass(frozen=True, slots=True)
class Connection:
    """A page that was read, with the batch and key to load more about it if selected."""

    batch: Page
    key: UUID
    result: PageRows


@dataclass(frozen=True, slots=True)
class ReadPage:
    """The position of a page that a resolver has read without a `Page` batch."""

    start_cursor: Cursor | None
    end_cursor: Cursor | None
    has_next_page: bool
    has_previous_page: bool

    @property
    def batch(self) -> None:
        """There is none."""

    @property
    def result(self) -> ReadPage:
        """Where `PageInfo` finds the position."""
        return self


def cursor_of(batch: Page, row: Any) -> Cursor:
    """The cursor of a row in the list that the batch reads."""
    request = batch.request
    names = batch.source.position_names(request.order)
    return Cursor(cursors.encode(request.sort, tuple(row[name] for name in names)))


def start_cursor(batch: Page | None, page: Any) -> Cursor | None:
    """The cursor of the first row of a page."""
    if batch is None:
        return cast("ReadPage", page).start_cursor
    return cursor_of(batch, page.rows[0]) if page.rows else None


def end_cursor(batch: Page | None, page: Any) -> Cursor | None:
    """The cursor of the last row of a page."""
    if batch is None:
        return cast("ReadPage", page).end_cursor
    return cursor_of(batch, page.rows[-1]) if page.rows else None


def _around(*, after: bool) -> PerPage:
    """Whether a list has rows after its page, or before it.

    In the direction in which it was read, the page knows. In the other direction there are no rows if the page was read
    from an end of the list. If it continues from a cursor, the database is asked: the cursor's row may be gone, or
    filtered out.
    """

    def batch(page: Page | None) -> Beyond | None:
        if page is None:
            return None
        request = page.request
        is_near = request.backward is not after
        return None if is_near or request.position is None else Beyond(page.source, request)

    def known(page: Page | None, result: Any) -> bool:
        if page is None:
            return bool(result.has_next_page if after else result.has_previous_page)
        return result.more and page.request.backward is not after

    return PerPage(batch, known)


def count_of(batch: Page) -> Count:
    """The batch that counts the lists of which this one reads pages."""
    request = batch.request
    return Count(batch.source, request.conditions, request.values)


def page_request(entity: Entity, link: Link, arguments: Mapping[str, Any]) -> PageRequest:
    """The page that a field's arguments ask for. Raises `BadRequest` that names an invalid argument."""
    size, backward = _size(arguments)
    order = _order(link.order or entity.order, arguments.get("order_by"))
    total_order = entity.total_order(order, through=link.through is not None)
    argument = "before" if backward else "after"
    position = None
    if (text := arguments.get(argument)) is not None:
        position = cursors.decode(
            text, order, entity.position_kinds(total_order), argument, nullable=total_order.nullable
        )
    tests, values = conditions(entity, arguments.get("filter"))
    return PageRequest(size, order, total_order, backward, position, tests, values)


def _order(declared: str | type[enum.Enum], chosen: enum.Enum | None) -> str:
    if isinstance(declared, str):
        return declared
    member = chosen if chosen is not None else next(iter(declared))
    return str(member.value)


def _size(arguments: Mapping[str, Any]) -> tuple[int, bool]:
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise BadRequest("first, last: use one of them, not both.", argument="last")
    backward = last is not None
    name, size = ("last", last) if backward else ("first", first)
    if size is None:
        size = USUAL_PAGE
    if not 0 <= size <= LARGEST_PAGE:
        raise BadRequest(f"{name}: {size} is not between 0 and {LARGEST_PAGE}.", argument=name)
    stray = "after" if backward else "before"
    if arguments.get(stray) is not None:
        raise BadRequest(f"{stray}: use it with {'first' if backward else 'last'}, not {name}.", argument=stray)
    return size, backward


@functools.cache
def connection_type(node: type) -> type:
    """Make the connection type of an entity's class.

    Each field is declared twice: as a resolver for one `Connection` or `Edge`, and as a level resolver, for which the
    result of the `Page` batch stands for a connection, and a row for its edge.
    """
    name, noun = node.__name__, describe.words(node)
    edge = _type(
        f"{name}Edge",
        f"{describe.sentence(describe.with_article(noun))} in a list, with its cursor.",
        cursor=_field(
            OfPage(cursor_of),
            lambda edge: cursor_of(edge.batch, edge.node),
            Cursor,
            "The position of the item. Pass it as `after` or `before`.",
        ),
        node=_field(Computed(_itself), lambda edge: edge.node, node, "The object at this position."),
    )
    return _type(
        f"{name}Connection",
        f"One page of a list of {describe.plural(noun)}.",
        edges=_field(
            Computed(_ROWS),
            lambda page: [Edge(row, page.batch) for row in page.result.rows],
            list[edge],  # type: ignore[valid-type]
            "The items of this page, each with its cursor.",
        ),
        nodes=_field(
            Computed(_ROWS),
            lambda page: page.result.rows,
            list[node],  # type: ignore[valid-type]
            "The items of this page, without cursors.",
        ),
        page_info=_field(
            Computed(_itself), _itself, PageInfo, "Whether there are more pages, and the cursors of this one."
        ),
        total_count=_per_page(PerPage(count_of), int, "The number of items on all pages. Counted only if requested."),
    )


_ROWS = attrgetter("rows")


def _itself(row: Any) -> Any:
    return row


def _per_page(per_page: PerPage, of: Any, description: str) -> Any:
    async def resolve(root: Any, info: Any) -> Any:
        batch = per_page.batch(root.batch)
        if batch is None:
            assert per_page.known is not None  # noqa: S101 - without a batch, it knows the value
            return per_page.known(root.batch, root.result)
        return await info.context.load(batch, root.key)

    resolve.__annotations__ = {"root": Any, "info": strawberry.Info, "return": of}
    return level_field(per_page, resolver=resolve, description=description)


def _field(level_resolver: LevelResolver, resolve: Callable[[Any], Any], of: Any, description: str) -> Any:
    def resolver(root: Any) -> Any:
        return resolve(root)

    resolver.__annotations__ = {"root": Any, "return": of}
    return level_field(level_resolver, resolver=resolver, description=description)


def _type(name: str, description: str, **fields: Any) -> type:
    return strawberry.type(type(name, (), dict(fields)), name=name, description=description)


PageInfo = _type(
    "PageInfo",
    "The position of a page within its list.",
    has_next_page=_per_page(_around(after=True), bool, "Whether there are items after this page."),
    has_previous_page=_per_page(_around(after=False), bool, "Whether there are items before this page."),
    start_cursor=_field(
        OfPage(start_cursor),
        lambda page: start_cursor(page.batch, page.result),
        Cursor | None,
        "The cursor of the first item; null if the page is empty.",
    ),
    end_cursor=_field(
        OfPage(end_cursor),
        lambda page: end_cursor(page.batch, page.result),
        Cursor | None,
        "The cursor of the last item; null if the page is empty.",
    ),
)
"""Relay's PageInfo. A resolver returns a `Connection` or a `ReadPage` for it."""
