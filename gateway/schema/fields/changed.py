"""The conventional subscription of an entity: every change of one of its rows.

subscription { noteChanged(after: "1.7") { cursor op at note { text } } }
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated, Any

import strawberry
from strawberry.utils.str_converters import to_snake_case

from gateway.data.entity import Link, entity_of
from gateway.schema.fields.event import CURSOR, OPS, ChangeOp, Event
from gateway.schema.fields.link_field import link_field
from gateway.schema.fields.root import subscription
from gateway.schema.types import describe
from gateway.schema.types.argument import After
from gateway.schema.types.link import maybe
from gateway.schema.types.scalars import Cursor
from gateway.schema.types.signature import INFO, optional, signed


def changed(cls: type, parent: tuple[Link, type] | None = None) -> Callable[..., Any]:
    """The root field `noteChanged(after)`.

    With the link to a parent and the parent's type, it can be narrowed to the children of one parent.
    """
    of, words = _event_type(cls, () if parent is None else (parent[0].key,)), describe.words(cls)
    table, narrowing = "", {}
    if parent is not None:
        link, to = parent
        table, noun = entity_of(to).table, describe.words(to)
        narrowed = f"Only changes of this {noun}, those that move something out of it included; of all if left out."
        narrowing = {link.key: Annotated[strawberry.ID | None, strawberry.argument(description=narrowed)]}

    async def watch(info: Any, after: Any = None, **named: Any) -> Any:
        where = {name: await info.context.require(table, id, name) for name, id in named.items()}
        return await info.context.changes(of, where=where, after=after)

    taken: dict[str, Any] = {**narrowing, "after": After}
    watch.__name__ = watch.__qualname__ = f"{to_snake_case(cls.__name__)}_changed"
    watch.__doc__ = f"Each change of the caller's {describe.plural(words)}, once, in order, without gaps."
    return subscription(signed(watch, (INFO, *optional(taken)), AsyncIterator[of]))  # type: ignore[valid-type]


def _event_type(cls: type, carried: Iterable[str]) -> type:
    """`NoteChanged`: an event as `gateway.schema.fields.event` declares them, made without a class body."""
    name, words = to_snake_case(cls.__name__), describe.words(cls)
    link = maybe(cls.__name__, key="entity_id")
    fields = {
        "cursor": (Cursor, CURSOR),
        "op": (ChangeOp, "What was done."),
        "at": (datetime.datetime, "When it was done."),
    }
    body: dict[str, Any] = {key: strawberry.field(description=text) for key, (_, text) in fields.items()}
    body[name] = link_field(link, {cls.__name__: cls}, f"The {words} as it stands now; null when it is gone for good.")
    body["__annotations__"] = {key: of for key, (of, _) in fields.items()}
    body["__event__"] = Event(entity_of(cls).table, frozenset(OPS), {}, {name: link}, carried=frozenset(carried))
    made = type(f"{cls.__name__}Changed", (), body)
    noun = describe.sentence(describe.with_article(words))
    return strawberry.type(made, description=f"{noun} was made, changed, deleted or restored.")
