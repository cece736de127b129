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
    """Make the root field `noteChanged(after)`.

    Given the link to a parent and the parent's type, the field takes an argument that narrows it to one parent.
    """
    of, words = _event_type(cls, () if parent is None else (parent[0].key,)), describe.words(cls)
    table, narrowing = "", {}
    if parent is not None:
        link, to = parent
        table, noun = entity_of(to).table, describe.words(to)
        narrowed = f"Only changes in this {noun}, including objects that move out of it. Defaults to all."
        narrowing = {link.key: Annotated[strawberry.ID | None, strawberry.argument(description=narrowed)]}

    async def watch(info: Any, after: Any = None, **named: Any) -> Any:
        where = {name: await info.context.require(table, id, name) for name, id in named.items()}
        return await info.context.changes(of, where=where, after=after)

    taken: dict[str, Any] = {**narrowing, "after": After}
    watch.__name__ = watch.__qualname__ = f"{to_snake_case(cls.__name__)}_changed"
    whose = words if entity_of(cls).one_per_user else describe.plural(words)
    watch.__doc__ = f"Every change of the caller's {whose}, exactly once and in order."
    return subscription(scope="read")(signed(watch, (INFO, *optional(taken)), AsyncIterator[of]))  # type: ignore[valid-type]


def _event_type(cls: type, carried: Iterable[str]) -> type:
    """Make `NoteChanged`, an event class like those of `gateway.schema.fields.event`, but without a class body."""
    name, words = to_snake_case(cls.__name__), describe.words(cls)
    link = maybe(cls.__name__, key="entity_id")
    fields = {
        "cursor": (Cursor, CURSOR),
        "op": (ChangeOp, "The kind of change."),
        "at": (datetime.datetime, "When it changed."),
    }
    body: dict[str, Any] = {key: strawberry.field(description=text) for key, (_, text) in fields.items()}
    is_own = entity_of(cls).one_per_user
    described = f"The {words} in {'the' if is_own else 'its'} current state; null if it was permanently removed."
    body[name] = link_field(link, {cls.__name__: cls}, described)
    body["__annotations__"] = {key: of for key, (of, _) in fields.items()}
    body["__event__"] = Event(entity_of(cls).table, frozenset(OPS), {}, {name: link}, carried=frozenset(carried))
    made = type(f"{cls.__name__}Changed", (), body)
    noun = describe.sentence(describe.with_article(words))
    text = f"A change of the caller's {words}." if is_own else f"{noun} was created, updated, deleted or restored."
    return strawberry.type(made, description=text)
