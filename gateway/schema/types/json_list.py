"""Lists that a `jsonb` column holds, of texts or of objects with a type of their own.

    reasons: list[str]
    attendees: list[Attendee]

`Attendee` is an `object_type`. An input takes `list[str]` and `list[AttendeeInput]`, whose attributes are some of those
of `Attendee`. The members of a stored object are named like these attributes. Members without a value are not stored.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import typing
from collections.abc import Callable
from typing import Any
from uuid import UUID

from gateway.schema.types.hint import is_optional, item_of, kind_of
from gateway.schema.types.scalars import JSON, BigInt

Decode = Callable[[Any], Any]

_AS_STORED = {str, int, BigInt, float, bool}
"""Types whose values the API shows as JSON holds them."""

_DECODERS: dict[Any, Decode] = {
    datetime.datetime: datetime.datetime.fromisoformat,
    datetime.date: datetime.date.fromisoformat,
    decimal.Decimal: lambda value: decimal.Decimal(str(value)),
}


def is_shown_as_stored(kind: Any) -> bool:
    """Whether a column of this type goes into the response as the text that the database returns."""
    return kind is JSON or item_of(kind) in _AS_STORED


def decoder(kind: Any) -> Decode | None:
    """The function from parsed JSON to a value of this type; None if they are the same."""
    if (item := item_of(kind)) is not None:
        return _items(decoder(kind_of(item)))
    if is_class(kind):
        return _object(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind._value2member_map_.__getitem__
    return _DECODERS.get(kind)


def problem_of(kind: Any) -> str:
    """Why a column cannot hold a list of this type, and what to write instead; empty if it can."""
    item = item_of(kind)
    if item is None:
        return ""
    if is_optional(item):
        return "whose items may be null. Write `list[…]` without `| None` in it"
    if is_class(item):
        hints = typing.get_type_hints(item)
        wrong = [name for name, hint in hints.items() if not _can_be_member(hint)]
        return f"whose member {wrong[0]} cannot be stored. Give it the type of a column" if wrong else ""
    if not _can_be_member(item):
        return "whose items cannot be stored. Write `list[str]`, or a list of an `object_type`"
    return ""


def takes(kind: Any, given: Any) -> bool:
    """Whether a column of the first type can hold what an input of the second one gives: lists of fitting items."""
    item, of = item_of(kind), item_of(given)
    if item is None or of is None:
        return kind is given
    if not (is_class(item) and is_class(of)):
        return kind_of(item) is kind_of(of)
    held, hints = typing.get_type_hints(item), typing.get_type_hints(of)
    required = {name for name, hint in held.items() if not is_optional(hint) and item_of(hint) is None}
    fits = all(name in held and takes(kind_of(held[name]), kind_of(hint)) for name, hint in hints.items())
    return fits and all(name in hints and not is_optional(hints[name]) for name in required)


def is_class(kind: Any) -> bool:
    """Whether a type is one of the API's object or input types."""
    of_api = isinstance(kind, type) and hasattr(kind, "__strawberry_definition__")
    return of_api and not issubclass(kind, enum.Enum) and not hasattr(kind, "__entity__")


def _can_be_member(hint: Any) -> bool:
    kind = kind_of(hint)
    if (item := item_of(kind)) is not None:
        return not is_optional(item) and _can_be_member(item)
    if is_class(kind):
        return all(map(_can_be_member, typing.get_type_hints(kind).values()))
    is_enum = isinstance(kind, type) and issubclass(kind, enum.Enum)
    return is_enum or kind in {*_AS_STORED, *_DECODERS, JSON, UUID}


def _items(decode: Decode | None) -> Decode | None:
    return None if decode is None else lambda values: [decode(value) for value in values]


def _object(cls: type) -> Decode:
    hints = typing.get_type_hints(cls)
    decoders = {name: made for name, hint in hints.items() if (made := decoder(kind_of(hint))) is not None}
    lists = [name for name, hint in hints.items() if item_of(hint) is not None and not is_optional(hint)]

    def decode(stored: dict[str, Any]) -> Any:
        values = {name: stored.get(name) for name in hints}
        for name in lists:
            if values[name] is None:
                values[name] = []
        for name, convert in decoders.items():
            if values[name] is not None:
                values[name] = convert(values[name])
        return cls(**values)

    return decode
