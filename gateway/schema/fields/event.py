"""Events: what a subscription yields for a change of the feed.

    @event("tool_transitions", op="insert")
    class ToolExecutionChanged:
        to_status: ToolStatus
        tool_execution = one("ToolExecution", key="tool_execution_id")

`cursor`, `op` and `at` come from the change itself. Any other attribute is a column that the feed trigger carries.
"""

from __future__ import annotations

import enum
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import strawberry

from gateway.data.entity import Link
from gateway.feed.changes import Change
from gateway.schema.types.hint import kind_of
from gateway.schema.types.scalars import Cursor
from gateway.schema.types.typing import enum_type

T = TypeVar("T")

CURSOR = "To resume after this event, subscribe with this cursor as `after`."
"""The description of `cursor` in all events."""


@enum_type
class ChangeOp(enum.Enum):
    """How an object changed."""

    CREATED = "insert"
    """It was created."""
    UPDATED = "update"
    """It was updated."""
    DELETED = "delete"
    """It was deleted, or permanently removed. A removed object is null in the event."""
    RESTORED = "restore"
    """It was restored after a deletion."""


OF_CHANGE = frozenset({"cursor", "op", "at"})
"""The attributes of an event that come from the change itself."""

OPS = {**{op.value: op for op in ChangeOp}, "purge": ChangeOp.DELETED}
"""The API's value for each `changes.op` of the feed."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """The description of an event class."""

    entity: str
    ops: frozenset[str]
    enums: Mapping[str, type[enum.Enum]]
    links: Mapping[str, Link]
    ids: frozenset[str] = frozenset()
    """The carried columns that hold ids, which the feed stores as text."""
    carried: frozenset[str] = frozenset()
    """The columns that the feed must carry for the event."""

    def made_by(self, change: Change) -> bool:
        """Whether a change of the feed makes one of these events."""
        return change.entity == self.entity and change.op in self.ops


def event(entity: str, *, op: str) -> Callable[[type[T]], type[T]]:
    """Declare a class of events, which one kind of change of a table makes."""

    def declare(cls: type[T]) -> type[T]:
        cls.__annotations__ = {"cursor": Cursor, **inspect.get_annotations(cls)}
        cls.cursor = strawberry.field(description=CURSOR)  # type: ignore[attr-defined]
        kinds = {name: kind_of(hint) for name, hint in typing.get_type_hints(cls).items()}
        enums = {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, enum.Enum)}
        links = {name: link for name, link in vars(cls).items() if isinstance(link, Link)}
        ids = {name for name, kind in kinds.items() if kind is UUID} | {link.key for link in links.values()}
        ids.discard("entity_id")
        carried = ids | kinds.keys() - OF_CHANGE
        cls.__event__ = Event(  # type: ignore[attr-defined]
            entity, frozenset({op}), enums, links, frozenset(ids), frozenset(carried)
        )
        return cls

    return declare


def is_event(cls: type) -> bool:
    """Whether the class's events are changes in the feed. Other events come from signals."""
    return hasattr(cls, "__event__")


def event_of(cls: type) -> Event:
    """The description of an event class."""
    return cls.__event__  # type: ignore[attr-defined, no-any-return]


def occurrence(cls: type[T], change: Change) -> T:
    """Make the event of a change."""
    described = event_of(cls)
    values: dict[str, Any] = dict(change.data)
    for name in described.ids:
        if values[name] is not None:
            values[name] = UUID(values[name])
    for name, members in described.enums.items():
        if values[name] is not None:
            values[name] = members(values[name])
    made = object.__new__(cls)
    vars(made).update(values, cursor=change.cursor, op=OPS[change.op], at=change.at, entity_id=change.entity_id)
    return made
