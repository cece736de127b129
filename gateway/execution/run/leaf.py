"""Serialize the values of scalars and enums.

The driver returns columns in known types, so each is serialized by one expression, or left to the JSON encoder, which
writes dates and numbers itself. All other values are coerced by their types, as in graphql-core.
"""

from __future__ import annotations

import datetime
import decimal
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from graphql import GraphQLEnumType, GraphQLLeafType, Undefined
from graphql.pyutils import inspect

from gateway.execution.run.field import Inline
from gateway.schema.types.json_list import is_shown_as_stored
from gateway.schema.types.scalars import SCALARS

Write = Callable[[Any], Any]

# Types that the encoder writes in the form of the API.
_AS_IT_IS = {str, int, float, bool, datetime.date}

_WITH_MICROSECONDS = len("2026-01-31 12:00:00.123456+00")
_WITHOUT = len("2026-01-31 12:00:00+00")

_READY: dict[str, frozenset[type]] = {
    "String": frozenset({str, type(None)}),
    "ID": frozenset({str, type(None)}),
    "Boolean": frozenset({bool, type(None)}),
}
"""Types whose values go into the response as they are, by the name of the scalar."""


def column_inline(code: Callable[[], str], kind: Any, of: GraphQLLeafType, *, required: bool) -> Inline:
    """The member for a column. `code` reads the column, `kind` is its type; if `required`, it is never null."""
    if kind is UUID:
        return Inline(lambda: f"str({code()})" if required else f"text({code()})", {"str": str, "text": _text})
    if is_shown_as_stored(kind):
        return Inline(lambda: f"json({code()})", {"json": _json})
    if isinstance(kind, type) and issubclass(kind, enum.Enum) and isinstance(of, GraphQLEnumType):
        name = f"of_{of.name}"
        return Inline(lambda: f"{name}[{code()}]", {name: {None: None, **_names_by_value(of)}})
    if getattr(kind, "__supertype__", kind) in _AS_IT_IS:
        return Inline(code)
    write = _nullable(SCALARS[kind].serialize if kind in SCALARS else of.coerce_output_value)
    return Inline(lambda: f"write_{of.name}({code()})", {f"write_{of.name}": write})


@dataclass(frozen=True, slots=True)
class Text:
    """How to serialize a column that is selected as text, because the driver is slow to decode its type."""

    select: str
    """The SQL expression, with `{}` for the column."""
    write: Callable[[str | None], str | None] | None = None
    """Converts the text to the form of the API; None if they are the same."""

    def inline(self, code: Callable[[], str]) -> Inline:
        """The member for the column. `code` reads the text."""
        return Inline(code) if self.write is None else Inline(lambda: f"shown({code()})", {"shown": self.write})


def is_ready(of: GraphQLLeafType) -> bool:
    """Whether values of the scalar nearly always go into the response as they are, and all others are refused."""
    return of.name in _READY


def writer(of: GraphQLLeafType) -> Callable[[list[Any]], list[Any]]:
    """The function that serializes a list of values, none of which has failed. Raises what the type raises."""
    write = checked(of)
    ready = _READY.get(of.name)
    if ready is None:
        return lambda values: [None if value is None else write(value) for value in values]
    return lambda values: [value if type(value) in ready else write(value) for value in values]


def checked(of: GraphQLLeafType) -> Write:
    """The function that serializes one value. Raises graphql-core's errors, in its words."""

    def write(value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            return None
        coerced = of.coerce_output_value(value)
        if coerced is None or coerced is Undefined:
            raise TypeError(
                f"Expected `{inspect(of)}.coerce_output_value({inspect(value)})` to return non-nullable value,"
                f" returned: {inspect(coerced)}"
            )
        return coerced

    return write


def _names_by_value(of: GraphQLEnumType) -> dict[Any, str]:
    return {
        value.value.value if isinstance(value.value, enum.Enum) else value.value: n for n, value in of.values.items()
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _time(text: str | None) -> str | None:
    """Convert PostgreSQL's text of a time in UTC, such as `2026-01-31 12:00:00.5+00`, to the form of the API."""
    if text is None:
        return None
    if len(text) == _WITH_MICROSECONDS:
        return f"{text[:10]}T{text[11:26]}Z"
    if len(text) == _WITHOUT:
        return f"{text[:10]}T{text[11:19]}.000000Z"
    day, _, clock = text.removesuffix("+00").partition(" ")
    seconds, _, fraction = clock.partition(".")
    return f"{day}T{seconds}.{fraction:<06}Z"


def _json(text: Any) -> Any:
    """Pass JSON from the database through without parsing it."""
    return None if text is None else orjson.Fragment(text)


def _nullable(write: Any) -> Write:
    return lambda value: None if value is None else write(value)


TEXTS: dict[Any, Text] = {
    datetime.datetime: Text("{}::text", _time),
    datetime.date: Text("{}::text"),
    decimal.Decimal: Text("trim_scale({})::text"),
}
"""The column types that are selected as text. The driver takes four times as long for a time or a date, and ten times
as long for a number."""
