"""Scalars whose range or form GraphQL's own do not cover. What they refuse, they refuse by name and reason."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

BigInt = NewType("BigInt", int)
Cursor = NewType("Cursor", str)
JSON = NewType("JSON", object)

_LARGEST_AMOUNT = decimal.Decimal(10) ** 12
_MICRO = decimal.Decimal("0.000001")
_DEEPEST_JSON = 64


def _parse_big_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise GraphQLError("A BigInt is a whole number or its text.")
    try:
        number = int(value)
    except ValueError:
        raise GraphQLError("A BigInt is a whole number or its text.") from None
    if not -(2**63) <= number < 2**63:
        raise GraphQLError("A BigInt has at most 64 bits.")
    return number


def _parse_decimal(value: Any) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:
        raise GraphQLError('A Decimal is a number or its text, such as "0.0125".')
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise GraphQLError('A Decimal is a number or its text, such as "0.0125".') from None
    if not number.is_finite() or abs(number) >= _LARGEST_AMOUNT:
        raise GraphQLError("A Decimal has at most 12 digits before the point.")
    if number != number.quantize(_MICRO):
        raise GraphQLError("A Decimal has at most 6 digits after the point.")
    return number


def _serialize_decimal(value: decimal.Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _parse_time(value: Any) -> datetime.datetime:
    problem = 'A DateTime is an RFC 3339 time with its zone, such as "2026-01-31T12:00:00Z".'
    try:
        time = datetime.datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise GraphQLError(problem)
        return time.astimezone(datetime.UTC)
    except (TypeError, ValueError, OverflowError):
        raise GraphQLError(problem) from None


def _serialize_time(value: datetime.datetime) -> str:
    # Always six digits: texts of one width sort as the times do.
    return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _parse_date(value: Any) -> datetime.date:
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError('A Date looks like "2026-01-31".') from None


def _parse_json(value: Any) -> Any:
    """Numbers of variables have been read as JSON; those of literals in a document may be anything."""
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, int) and not -(2**63) <= item < 2**64:
            raise GraphQLError("A whole number in a JSON value has at most 64 bits.")
        if isinstance(item, float) and not math.isfinite(item):
            raise GraphQLError("A number in a JSON value is too large.")
        if isinstance(item, dict | list):
            if depth == _DEEPEST_JSON:
                raise GraphQLError(f"A JSON value is nested at most {_DEEPEST_JSON} levels deep.")
            pending.extend((below, depth + 1) for below in (item.values() if isinstance(item, dict) else item))
    return value


def _parse_cursor(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 1024:
        raise GraphQLError("A Cursor is a text that this API has given out.")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of up to 64 bits. Written as a number; accepted as a number or its text.",
        serialize=int,
        parse_value=_parse_big_int,
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="A place in a list or in the feed of changes. Opaque: keep it and give it back as it is.",
        serialize=str,
        parse_value=_parse_cursor,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=lambda value: value,
        parse_value=_parse_json,
    ),
    datetime.datetime: strawberry.scalar(
        name="DateTime",
        description="A point in time, as RFC 3339 in UTC with microseconds.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_serialize_time,
        parse_value=_parse_time,
    ),
    datetime.date: strawberry.scalar(
        name="Date",
        description="A calendar day, as YYYY-MM-DD.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=datetime.date.isoformat,
        parse_value=_parse_date,
    ),
    decimal.Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number as text, such as an amount in US dollars.",
        serialize=_serialize_decimal,
        parse_value=_parse_decimal,
    ),
}
