"""Old and new values of columns, as the audit keeps them, under the names and in the forms of the API."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
from collections.abc import Callable
from typing import Any

import orjson
import strawberry
from strawberry.utils.str_converters import to_camel_case

from gateway.schema.objects.node_types import node_types
from gateway.schema.strawberry_private import core_info
from gateway.schema.types.scalars import JSON, SCALARS

_SERIALIZE: dict[object, Any] = {kind: scalar.serialize for kind, scalar in SCALARS.items()}


def changes_as_shown(info: strawberry.Info, table: str, changes: str) -> JSON:
    """The changes of a row: a JSON object with a list of values for each column.

    Columns have their names in the API. Enumerations, times and amounts have its forms; other values are as stored, and
    so is what the present type does not know.
    """
    node_type = node_types(core_info(info).schema).get(table)
    kinds = node_type.entity.kinds if node_type else {}
    values = orjson.loads(changes)
    # Floats would not keep all digits of an amount.
    exact = json.loads(changes, parse_float=decimal.Decimal)
    shown = {}
    for column, stored in values.items():
        write = _writer(kinds.get(column))
        of = exact[column] if kinds.get(column) is decimal.Decimal else stored
        shown[to_camel_case(column)] = [None if value is None else write(value) for value in of]
    return JSON(shown)


def _writer(kind: Any) -> Callable[[Any], Any]:
    if kind is datetime.datetime:
        return _time
    if kind is decimal.Decimal:
        return lambda value: _SERIALIZE[kind](decimal.Decimal(value))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        names = {member.value: name for name, member in kind.__members__.items()}
        return lambda value: names.get(value, value)
    return lambda value: value


def _time(text: str) -> str:
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:  # infinity
        return text
    shown: str = _SERIALIZE[datetime.datetime](time)
    return shown
