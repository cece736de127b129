"""Scalars for values that GraphQL's built-in scalars do not cover.

Each has one grammar for both JSON values and literals, which its description defines. Errors name the scalar and the
reason.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Callable
from typing import Any, NewType

import strawberry
from graphql import (
    FloatValueNode,
    GraphQLError,
    GraphQLScalarType,
    IntValueNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    value_from_ast_untyped,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.scalar import ScalarDefinition

BigInt = NewType("BigInt", int)
Cursor = NewType("Cursor", str)
JSON = NewType("JSON", object)

_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DATE = re.compile(_DAY)
_TIME = re.compile(
    rf"({_DAY})[Tt]((?:[01][0-9]|2[0-3]):[0-9]{{2}}):([0-9]{{2}})(\.[0-9]+)?"
    r"(?:([Zz])|([+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))"
)

_MOST_EXACT_FLOAT = 2**53
_LARGEST_AMOUNT = decimal.Decimal(10) ** 12
_LAST_DIGIT = decimal.Decimal("1e-12")
_ROUNDING = decimal.Context(prec=40, rounding=decimal.ROUND_HALF_EVEN)
_LONGEST_DECIMAL = 100
_DEEPEST_JSON = 64


def _parse_big_int(value: Any) -> int:
    # JavaScript and others write 28 as 28.0. From 2^53 on, a float may differ from the number that was written.
    if type(value) is float and value.is_integer() and abs(value) < _MOST_EXACT_FLOAT:
        return int(value)
    if type(value) is not int and not (isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)):
        raise GraphQLError('A BigInt is an integer of at most 64 bits, such as 28 or "28".')
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise GraphQLError("A BigInt has at most 64 bits.")
    return number


def _parse_decimal(value: Any) -> decimal.Decimal:
    problem = 'A Decimal is a number, or a string that holds one, such as "0.0125".'
    text = str(value) if type(value) in (int, float, str) else ""
    if len(text) > _LONGEST_DECIMAL or not _NUMBER.fullmatch(text):
        raise GraphQLError(problem)
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:
        raise GraphQLError(problem) from None
    if number.copy_abs() < _LARGEST_AMOUNT:
        number = number.quantize(_LAST_DIGIT, context=_ROUNDING)
    if number.copy_abs() >= _LARGEST_AMOUNT:
        raise GraphQLError("A Decimal has at most 12 digits before the point.")
    return number or decimal.Decimal(0)  # no negative zero


def _serialize_decimal(value: decimal.Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# The driver writes the first and the last value of each type as infinity.
def _parse_time(value: Any) -> datetime.datetime:
    problem = 'A DateTime is an RFC 3339 date-time with an offset, such as "2026-01-31T12:00:00Z".'
    matched = _TIME.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        raise GraphQLError(problem)
    day, minute, second, fraction, utc, zone = matched.groups(default="")
    is_leap_second = second == "60"
    text = f"{day}T{minute}:{'59' if is_leap_second else second}{fraction[:7]}{'Z' if utc else zone}"
    try:
        time = datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)
        time = time + datetime.timedelta(seconds=1) if is_leap_second else time
    except (ValueError, OverflowError):
        raise GraphQLError(problem) from None
    if time.replace(tzinfo=None) in (datetime.datetime.min, datetime.datetime.max):
        raise GraphQLError(
            "A DateTime lies after the first microsecond of year 1 and before the last one of year 9999."
        )
    return time


def _serialize_time(value: datetime.datetime) -> str:
    # Always six digits, so that the texts sort like the times.
    return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _parse_date(value: Any) -> datetime.date:
    problem = 'A Date has the form YYYY-MM-DD, such as "2026-01-31".'
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise GraphQLError(problem)
    try:
        day = datetime.date.fromisoformat(value)
    except ValueError:
        raise GraphQLError(problem) from None
    if day in (datetime.date.min, datetime.date.max):
        raise GraphQLError("A Date lies after the first day of year 1 and before the last one of year 9999.")
    return day


def _parse_json(value: Any) -> Any:
    """Check a JSON value. The numbers of variables were parsed as JSON, but those of literals may be out of range."""
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, int) and not -(2**63) <= item < 2**64:
            raise GraphQLError("An integer in a JSON value has at most 64 bits.")
        if isinstance(item, float) and not math.isfinite(item):
            raise GraphQLError("A number in a JSON value is too large.")
        if isinstance(item, dict | list):
            if depth == _DEEPEST_JSON:
                raise GraphQLError(f"A JSON value is nested at most {_DEEPEST_JSON} levels deep.")
            pending.extend((below, depth + 1) for below in (item.values() if isinstance(item, dict) else item))
    return value


def _parse_cursor(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 1024:
        raise GraphQLError("A Cursor is a string that this API has returned.")
    return value


def _text(node: ValueNode) -> str | None:
    return node.value if isinstance(node, StringValueNode) else None


def _text_or_digits(node: ValueNode) -> str | None:
    """The text of a string or a number: a float would not keep all digits."""
    return node.value if isinstance(node, StringValueNode | IntValueNode | FloatValueNode) else None


def _text_or_number(node: ValueNode) -> str | float | None:
    return float(node.value) if isinstance(node, FloatValueNode) else _text_or_digits(node)


def _located(node: ValueNode) -> Node:
    """The node, or the first within it that has a location: graphql-core rebuilds objects and lists without theirs."""
    pending: list[Node] = [node]
    while pending:
        current = pending.pop()
        if current.loc is not None:
            return current
        if isinstance(current, ObjectValueNode):
            pending.extend(field.value for field in reversed(current.fields))
        elif isinstance(current, ListValueNode):
            pending.extend(reversed(current.values))
    return node


def _scalar(
    name: str,
    description: str,
    parse: Callable[[Any], Any],
    serialize: Callable[[Any], Any],
    read_literal: Callable[[ValueNode], Any],
    url: str | None = None,
) -> ScalarDefinition:
    """Define a scalar. `parse` must refuse None, which `read_literal` returns for literals of other kinds."""

    def parse_literal(node: ValueNode) -> Any:
        try:
            return parse(read_literal(node))
        except GraphQLError as error:
            # An error with a node is reported as an error of the request.
            raise GraphQLError(error.message, _located(node)) from None

    made = strawberry.scalar(
        name=name, description=description, serialize=serialize, parse_value=parse, specified_by_url=url
    )
    # By default, Strawberry uses graphql-core's legacy `parse_literal`, which loses variables within literals.
    made.implementation = GraphQLScalarType(
        name,
        description=description,
        specified_by_url=url,
        coerce_output_value=serialize,
        coerce_input_value=parse,
        coerce_input_literal=parse_literal,
        extensions={GraphQLCoreConverter.DEFINITION_BACKREF: made},
    )
    return made


SCALARS: dict[object, ScalarDefinition] = {
    BigInt: _scalar(
        "BigInt",
        "A signed 64-bit integer, returned as a JSON number. Input is a number (below 2^53 also `28.0`) or a string "
        'of decimal digits, such as "-28", without plus sign, spaces, separators or leading zeros.',
        _parse_big_int,
        int,
        _text_or_number,
    ),
    Cursor: _scalar(
        "Cursor",
        "A position in a list or in the change feed: an opaque string of 1 to 1,024 characters. Return it unchanged.",
        _parse_cursor,
        str,
        _text,
    ),
    JSON: _scalar(
        "JSON",
        "Any JSON value, with at most 64 levels of nesting and integers of at most 64 bits. A literal may contain "
        "variables of any type. For a variable without a value and without a default, a member of an object is omitted "
        "and an item of a list is null.",
        _parse_json,
        lambda value: value,
        value_from_ast_untyped,
        "https://www.rfc-editor.org/rfc/rfc8259",
    ),
    datetime.datetime: _scalar(
        "DateTime",
        'A point in time, returned in UTC with microseconds, such as "2026-01-31T12:00:00.000000Z". Input may be any '
        "RFC 3339 date-time from year 1 to 9999, except the first and the last microsecond of these years, with `Z` or "
        "an offset such as `+01:00`; `t` and `z` are accepted too. Digits beyond microseconds are dropped. A leap "
        "second (`:60`) becomes the first second of the next minute.",
        _parse_time,
        _serialize_time,
        _text,
        "https://www.rfc-editor.org/rfc/rfc3339",
    ),
    datetime.date: _scalar(
        "Date",
        "A calendar day, as an RFC 3339 full-date (YYYY-MM-DD) from year 1 to 9999, except the first and the last "
        'day of these years, such as "2026-01-31".',
        _parse_date,
        datetime.date.isoformat,
        _text,
        "https://www.rfc-editor.org/rfc/rfc3339",
    ),
    decimal.Decimal: _scalar(
        "Decimal",
        "An exact decimal number, such as an amount in US dollars, returned as a string without trailing zeros. Input "
        'may be a number, or a string such as "0.0125" or "1.25e-6", which keeps digits that a float would lose. At '
        "most 12 digits before the decimal point; after it, the number is rounded half to even to 12 digits.",
        _parse_decimal,
        _serialize_decimal,
        _text_or_digits,
    ),
}
