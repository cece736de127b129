"""Rows as read from the wire, with attribute access.

A row stays an `asyncpg.Record` from the socket to the response; no other object is created per row. Each entity has its
own record class, whose properties read columns by name and convert enumerations to members and JSON to values, on
access only.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import asyncpg
import orjson


@dataclass(frozen=True, slots=True)
class JsonColumn:
    """Marks a JSON column in the mapping passed to `record_class`."""

    decode: Callable[[Any], Any] | None = None
    """The function from parsed JSON to the column's value; None if they are the same."""


class Row(asyncpg.Record):
    """A row of an entity. Reading a column that the statement did not select raises `KeyError`."""


class KeyRow(NamedTuple):
    """Stands for a row that need not be read, because only its id is: by position or, in a resolver, by name."""

    id: Any


def record_class(name: str, columns: Mapping[str, Any]) -> type[Row]:
    """Create the record class of an entity.

    `columns` maps a column's name to its enumeration class, to a `JsonColumn`, or to anything else if the value
    is not converted.
    """
    properties = {column: property(_reader(column, kind)) for column, kind in columns.items()}
    return type(name, (Row,), {"__slots__": (), **properties})


def _reader(column: str, kind: Any) -> Callable[[Any], Any]:
    read = itemgetter(column)
    if isinstance(kind, JsonColumn):
        if (decode := kind.decode) is not None:
            return lambda row: None if (text := read(row)) is None else decode(orjson.loads(text))
        return lambda row: None if (text := read(row)) is None else orjson.loads(text)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        member = kind._value2member_map_
        return lambda row: None if (value := read(row)) is None else member[value]
    return read


def json_text(value: Any) -> str:
    """Encode the value of a `jsonb` parameter."""
    return orjson.dumps(value).decode()


def json_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Encode rows, by column, as the `jsonb` parameter from which PostgreSQL makes rows."""
    return orjson.dumps(rows, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
