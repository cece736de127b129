"""Cursors of lists: an order and a row's values in it (its keyset position), as opaque text.

A cursor is input like any other: it is decoded with the types of the order's columns, and one that belongs to another
list or order is refused, with an error that names the argument.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson

from gateway.data.entity import is_enum
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
"""The integer types, each with the first number that is too large for it."""


def can_hold(kind: Any) -> bool:
    """Whether a cursor can hold a column of this type, so that a list can be ordered by it."""
    return kind is bool or kind in _WHOLE or kind in _READ or is_enum(kind)


def encode(order: str, values: tuple[Any, ...]) -> str:
    """Encode the cursor of a row with these values in this order."""
    parts = [order, *(value if isinstance(value, int) or value is None else str(value) for value in values)]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def decode(
    text: str, order: str, kinds: tuple[Any, ...], argument: str, *, nullable: tuple[bool, ...]
) -> tuple[Any, ...]:
    """Decode the values of a cursor. Raises `BadRequest` that names the argument."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        own_order, *values = orjson.loads(raw)
        if own_order == order and len(values) == len(kinds):
            return tuple(
                None if value is None and may_be_null else _read(kind, value)
                for kind, value, may_be_null in zip(kinds, values, nullable, strict=True)
            )
    except (binascii.Error, ValueError, TypeError, ArithmeticError):
        pass
    raise BadRequest(f"{argument}: this cursor does not belong to this list in this order.", argument=argument)


def _read(kind: Any, value: Any) -> Any:
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError
        return value
    if (numbers := _numbers(kind)) is not None:
        if isinstance(value, bool) or not isinstance(value, int) or value not in numbers:
            raise ValueError
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    read: Any = _READ[kind](value)
    if kind is datetime.datetime:
        if read.tzinfo is None:
            raise ValueError
        # Refuses a time that does not exist in UTC. The driver would not say what is wrong with it.
        return read.astimezone(datetime.UTC)
    return read


def _numbers(kind: Any) -> range | None:
    """The numbers that stand for values of a type; None if it is not held as a number. An enumeration has ranks."""
    if is_enum(kind):
        return range(1, len(kind) + 1)
    bound = _WHOLE.get(kind)
    return None if bound is None else range(-bound, bound)
