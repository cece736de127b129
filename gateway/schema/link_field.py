"""Links as fields: what a declared link becomes when all types are known."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import strawberry

from gateway.data.batches import Batch, ByKey, Children, Page, PageRequest
from gateway.data.statements import Source
from gateway.schema.connection import LARGEST_PAGE, USUAL_PAGE, Connection, connection_type, page_request
from gateway.schema.entity import Entity, entity_of
from gateway.schema.link import Link
from gateway.schema.scalars import Cursor

_ARGUMENTS: dict[str, tuple[Any, str]] = {
    "first": (int, f"At most so many from the start, up to {LARGEST_PAGE}; {USUAL_PAGE} if neither is given."),
    "after": (Cursor, "Only what follows this cursor; goes with `first`."),
    "last": (int, f"At most so many from the end, up to {LARGEST_PAGE}."),
    "before": (Cursor, "Only what comes before this cursor; goes with `last`."),
}


def link_field(link: Link, types: Mapping[str, type], description: str | None) -> Any:
    """The field that follows a link. Raises `KeyError` when its target is no known type."""
    target = types[link.target]
    entity = entity_of(target)
    resolve: Callable[..., Any]
    match link.shape:
        case "one":
            resolve = _signed(_follow_key(link, entity), target)
        case "maybe":
            resolve = _signed(_follow_key(link, entity), target | None)
        case "many":
            resolve = _signed(_list_children(link, entity), list[target])  # type: ignore[valid-type]
        case "page":
            resolve = _signed(_read_page(link, entity), connection_type(target), _page_arguments(link, entity))
    return strawberry.field(resolver=resolve, description=description)


def _follow_key(link: Link, entity: Entity) -> Callable[..., Any]:
    async def resolve(root: Any, info: strawberry.Info) -> Any:
        key = getattr(root, link.key)
        if key is None:
            return None
        wanted = info.context.columns(info, entity)
        if link.by not in wanted:
            wanted = (link.by, *wanted)
        return await info.context.load(ByKey(entity.table, link.by, wanted, entity.record), key)

    return resolve


def _list_children(link: Link, entity: Entity) -> Callable[..., Any]:
    source = Source(entity.table, link.by, entity.deletable)
    order = str(link.order)

    async def resolve(root: Any, info: strawberry.Info) -> Any:
        wanted = info.context.columns(info, entity)
        batch: Batch = Children(source, entity.total_order(order), order.startswith("-"), wanted, entity.record)
        return await info.context.load(batch, root.id)

    return resolve


def _read_page(link: Link, entity: Entity) -> Callable[..., Any]:
    source = Source(entity.table, link.by, entity.deletable, link.through)

    async def resolve(root: Any, info: strawberry.Info, **arguments: Any) -> Connection:
        order, request = page_request(entity, link, arguments)
        wanted = info.context.columns(info, entity, "nodes", "edges.node")
        batch = Page(source, request, _with_order(wanted, request), entity.record)
        return Connection(batch, root.id, order, await info.context.load(batch, root.id))

    return resolve


def _with_order(wanted: tuple[str, ...], request: PageRequest) -> tuple[str, ...]:
    return (*wanted, *(column for column in request.order if column not in wanted))


def _page_arguments(link: Link, entity: Entity) -> dict[str, Any]:
    arguments = {name: _argument(of, text) for name, (of, text) in _ARGUMENTS.items()}
    if entity.filter is not None:
        arguments["filter"] = _argument(entity.filter, "Only what meets all of these.")
    if isinstance(order := link.order or entity.order, type):
        arguments["order_by"] = _argument(order, f"The order; `{next(iter(order)).name}` if none is given.")
    return arguments


def _argument(of: Any, description: str) -> Any:
    return Annotated[of | None, strawberry.argument(description=description)]


def _signed(
    resolve: Callable[..., Any], returns: Any, arguments: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    """Give a resolver the signature that Strawberry reads the field's arguments and type from."""
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter("root", positional),
        inspect.Parameter("info", positional, annotation=strawberry.Info),
        *(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=of)
            for name, of in (arguments or {}).items()
        ),
    ]
    resolve.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]
    resolve.__annotations__ = {"info": strawberry.Info, "return": returns, **(arguments or {})}
    return resolve
