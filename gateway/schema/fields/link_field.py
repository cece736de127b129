"""Links as fields: turn a declared link into a field, once all types are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import strawberry

from gateway.data.batches import Batch, ByKey, Children, Page, Queried
from gateway.data.entity import Entity, Link, entity_of
from gateway.data.statements import Columns, Shown, Source
from gateway.schema.fields.connection import LARGEST_PAGE, USUAL_PAGE, Connection, connection_type, page_request
from gateway.schema.objects.level import Follows, RootLink, level_field
from gateway.schema.types.scalars import Cursor
from gateway.schema.types.signature import INFO, ROOT, optional, signed

_ARGUMENTS: dict[str, tuple[Any, str]] = {
    "first": (
        int,
        f"How many items to return from the start, up to {LARGEST_PAGE}; {USUAL_PAGE} if `last` is not set.",
    ),
    "after": (Cursor, "Return the items after this cursor. Use with `first`."),
    "last": (int, f"How many items to return from the end, up to {LARGEST_PAGE}."),
    "before": (Cursor, "Return the items before this cursor. Use with `last`."),
}


def link_field(link: Link, types: Mapping[str, type], description: str | None) -> Any:
    """Make the field that follows a link. Raises `KeyError` if the target is not a known type."""
    target = types[link.target]
    follows = LinkTarget(link, entity_of(target))
    returns: Any = target
    arguments: Mapping[str, Any] = {}
    match link.shape:
        case "maybe":
            returns = target | None
        case "many":
            returns = list[target]  # type: ignore[valid-type]
        case "page":
            returns, arguments = connection_type(target), _page_arguments(link, follows.entity)
    resolve = signed(_follow(follows), (ROOT, INFO, *optional(arguments)), returns)
    return level_field(follows, resolver=resolve, description=description)


def root_page_field(link: Link, types: Mapping[str, type]) -> Any:
    """Make the field of Query that a `root_page` declares."""
    target = types[link.target]
    follows = LinkTarget(link, entity_of(target))
    at_root = RootLink(follows, _caller)
    arguments = optional(_page_arguments(link, follows.entity))
    resolve = signed(_follow_from_root(at_root), (INFO, *arguments), connection_type(target))
    return level_field(at_root, resolver=resolve, description=link.description)


@dataclass(frozen=True, slots=True, eq=False)
class LinkTarget:
    """A link and its target entity."""

    link: Link
    entity: Entity

    @property
    def key(self) -> str:
        """The column of the parent that holds the key."""
        return self.link.key

    @property
    def by(self) -> str:
        """The column of the target that holds the key."""
        return self.link.by

    @property
    def first_column(self) -> int:
        """The position of the first wanted column: after the parent's key, if rows of several parents come together."""
        return 0 if self.link.shape in ("one", "maybe") else 1

    @property
    def below(self) -> tuple[str, ...]:
        """The fields between the link and its rows; empty if it returns the rows themselves."""
        return ("nodes", "edges.node") if self.link.shape == "page" else ()

    def batch(self, arguments: Mapping[str, Any], wanted: Columns, *, positioned: bool = True) -> Batch:
        """The batch for these arguments and columns; if `positioned`, also for those of a row's keyset position.

        Raises `BadRequest` if the arguments are invalid.
        """
        link, entity = self.link, self.entity
        if link.query is not None:
            columns = _with(wanted, link.by) if link.by else wanted
            return Queried(link.query, columns, entity.record, link.by)
        if link.shape in ("one", "maybe"):
            return ByKey(entity.table, link.by, _with(wanted, link.by), entity.record)
        source = Source(entity.table, link.by, entity.deletable, link.through)
        if link.shape == "many":
            return Children(source, entity.total_order(str(link.order)), wanted, entity.record)
        request = page_request(entity, link, arguments)
        columns = _with(wanted, *source.position(request.order)) if positioned else wanted
        return Page(source, request, columns, entity.record)


def _follow(follows: LinkTarget) -> Callable[..., Any]:
    async def resolve(root: Any, info: strawberry.Info, **arguments: Any) -> Any:
        key = getattr(root, follows.key)
        return None if key is None else await _load(follows, key, info, arguments)

    return resolve


def _follow_from_root(at_root: RootLink) -> Callable[..., Any]:
    async def resolve(info: strawberry.Info, **arguments: Any) -> Any:
        return await _load(at_root.follows, at_root.key(info.context), info, arguments)

    return resolve


async def _load(follows: Follows, key: Any, info: Any, arguments: Mapping[str, Any]) -> Any:
    wanted = info.context.columns(info, follows.entity, *follows.below)
    batch = follows.batch(arguments, wanted, positioned=True)
    result = await info.context.load(batch, key)
    return Connection(batch, key, result) if isinstance(batch, Page) else result


def _caller(context: Any) -> UUID:
    return context.user_id  # type: ignore[no-any-return]


def _with(wanted: Columns, *needed: str | Shown) -> Columns:
    return (*wanted, *(column for column in needed if column not in wanted))


def _page_arguments(link: Link, entity: Entity) -> dict[str, Any]:
    arguments = {name: _argument(of, text) for name, (of, text) in _ARGUMENTS.items()}
    if entity.filter is not None:
        arguments["filter"] = _argument(entity.filter, "Return only the items that meet these conditions.")
    if isinstance(order := link.order or entity.order, type):
        arguments["order_by"] = _argument(order, f"The order of the items. Defaults to `{next(iter(order)).name}`.")
    return arguments


def _argument(of: Any, description: str) -> Any:
    return Annotated[of | None, strawberry.argument(description=description)]
