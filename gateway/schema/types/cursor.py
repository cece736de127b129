"""Cursors of lists: the order they belong to and the row's values in it, as opaque text.

A cursor is input like any other: it is read with the types of the order's columns, and one of another list or order is
refused by name.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import enum
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson

from gateway.errors import BadRequest
from gateway.schema.types.scalars import BigInt

_READ: dict[Any, Callable[[Any], Any]] = {
    UUID: UUID,
    str: str,
    float: float,
    datetime.datetime: datetime.datetime.fromisoformat,
    datetime.date: datetime.date.fromisoformat,
    decimal.Decimal: decimal.Decimal,
}


_WHOLE = {int: 2**31, BigInt: 2**63}
"""Kinds of whole numbers, and the first that is too large for one."""


def can_hold(kind: Any) -> bool:
    """Whether a cursor can hold values of a column of this kind, so that a list can be ordered by it."""
    return kind is bool or kind in _WHOLE or kind in _READ or _is_enum(kind)


def encode(order: str, values: tuple[Any, ...]) -> str:
    """The cursor of a row with these values in this order."""
    parts = [order, *(value if isinstance(value, int) else str(value) for value in values)]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def decode(text: str, order: str, kinds: tuple[Any, ...], argument: str) -> tuple[Any, ...]:
    """The values of a cursor. Raises `BadRequest` naming the argument that holds it."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        given, *values = orjson.loads(raw)
        if given == order and len(values) == len(kinds):
            return tuple(_read(kind, value) for kind, value in zip(kinds, values, strict=True))
    except (binascii.Error, ValueError, TypeError, ArithmeticError):
        pass
    raise BadRequest(f"{argument}: this cursor does not belong to this list in this order.", argument=argument)


def _read(kind: Any, value: Any) -> Any:
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError
        return value
    if (bound := _WHOLE.get(kind)) is not None:
        if isinstance(value, bool) or not isinstance(value, int) or not -bound <= value < bound:
            raise ValueError
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    read: Any = value if _is_enum(kind) else _READ[kind](value)
    if kind is datetime.datetime:
        if read.tzinfo is None:
            raise ValueError
        # One that is no time in UTC is refused here; the driver would not say what is wrong.
        return read.astimezone(datetime.UTC)
    return read


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)
