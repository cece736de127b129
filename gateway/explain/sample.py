"""Sample values for types, columns and rows, on which operations run without a database.

Each statement returns one row per key, and all ids in a row equal that key, so that every link can be followed.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    type_from_ast,
)

from gateway.data.driver.meter import Meter
from gateway.data.entity import Entity
from gateway.data.rows import Row
from gateway.schema.types.scalars import JSON, BigInt

KEY = UUID("00000000-0000-7000-8000-000000000000")
TIME = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

_SCALARS: dict[str, Any] = {
    "ID": str(KEY),
    "Int": 1,
    "Float": 1.0,
    "Boolean": True,
    "BigInt": 1,
    "DateTime": TIME.isoformat(),
    "Date": TIME.date().isoformat(),
    "Decimal": "1",
    "JSON": {},
    "Cursor": "1.1",
}
_KINDS: dict[Any, Any] = {
    UUID: KEY,
    int: 1,
    BigInt: 1,
    float: 1.0,
    bool: False,
    str: "text",
    JSON: "{}",
    datetime.datetime: TIME,
    datetime.date: TIME.date(),
    decimal.Decimal: decimal.Decimal(1),
}
_OF_FEED = {"pruned": 0, "op": "insert", "at": TIME}
"""The values in rows of the change feed, which is stored from its beginning."""
_OF_JOINS = {"is_deleted": False, "missing": []}
"""The columns of the answer of a function that changes what is joined."""
_ALIAS = re.compile(r"\bAS (\w+)")
_SELECTED = re.compile(r"^SELECT (.*)$", re.MULTILINE)


def variables(schema: GraphQLSchema, definition: OperationDefinitionNode) -> dict[str, Any]:
    """A sample value for each required variable."""
    values = {}
    for node in definition.variable_definitions or ():
        of = type_from_ast(schema, node.type)
        if isinstance(of, GraphQLNonNull) and node.default_value is None:
            values[node.variable.name.value] = _input(of)
    return values


def _input(of: GraphQLInputType, *, within: bool = False) -> Any:
    match get_nullable_type(of):
        case GraphQLList(of_type=item):
            return [_input(item, within=within)]
        case GraphQLEnumType(values=values):
            return next(iter(values))
        case GraphQLInputObjectType(fields=fields) as outer:
            # All fields of the outermost input object except filters within a filter, but only required ones of others.
            return {
                name: _input(field.type, within=True)
                for name, field in fields.items()
                if isinstance(field.type, GraphQLNonNull) or not (within or get_named_type(field.type) is outer)
            }
        case GraphQLScalarType(name=name):
            return _SCALARS.get(name, "text")
    raise TypeError(of)


class SampleRow(dict[str, Any]):
    """A row that has every column that is read, and looks like a record of its entity."""

    def __init__(self, key: UUID, record: type[Row] | None, kinds: Mapping[str, Any], columns: Sequence[str]) -> None:
        super().__init__()
        self._key = key
        self._record = record
        self._kinds = kinds
        self._columns = columns

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # GraphQL types recognise their rows by the class of the record.
        return self._record or dict

    def __missing__(self, column: str | int) -> Any:
        if isinstance(column, int):
            return self[self._columns[column]]
        if column in _OF_JOINS:
            return _OF_JOINS[column]
        if column.endswith("::text"):
            return str(self[column.removesuffix("::text")])
        kind = self._kinds.get(column) or _likely_kind(column)
        return self._key if kind is UUID else sample(kind)

    def __getattr__(self, name: str) -> Any:
        attribute = inspect.getattr_static(self._record, name) if self._record else None
        return (
            attribute.fget(self) if isinstance(attribute, property) and attribute.fget else getattr(self._record, name)
        )


def _likely_kind(column: str) -> type:
    """The likely type of a column that belongs to no entity."""
    if column == "id" or column.endswith("_id"):
        return UUID
    return str if column.endswith("name") else int


def sample(kind: Any) -> Any:
    """A sample value for a column of this type."""
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(iter(kind)).value
    return _KINDS.get(kind)


def _keys(arguments: Sequence[Any]) -> Sequence[UUID]:
    """The keys among a statement's arguments. They follow the caller's id."""
    keys = arguments[1] if len(arguments) > 1 else None
    return keys if isinstance(keys, list) and keys and isinstance(keys[0], UUID) else [KEY]


def _selected(text: str) -> list[str]:
    """The columns that a generated statement selects, in order."""
    lists = _SELECTED.findall(text)
    names = [part.rpartition(" AS ")[2].rpartition(".")[2] for each in lists for part in each.split(", ")]
    names = [name.replace(")", "") for name in names]  # of `trim_scale(t.cost)::text`
    return [name for name in names if name != "*"]


class SampleConnection:
    """A connection that answers each statement with one row per key, and reports the statements."""

    def __init__(self, entities: Iterable[Entity], likely: str | None, asked: Callable[[str], None]) -> None:
        self._kinds = {entity.record: entity.kinds for entity in entities}
        self._likely = likely
        self._asked = asked
        self.meter = Meter()

    async def fetch(
        self, text: str, *arguments: Any, record_class: type[Row] | None = None, stamp: Any = None
    ) -> list[Any]:
        self._asked(text)
        return [self._row(key, text, record_class) for key in _keys(arguments)]

    def _row(self, key: UUID, text: str, record: type[Row] | None) -> SampleRow:
        row = SampleRow(key, record, self._kinds.get(record, {}) if record else {}, _selected(text))
        if record is None:
            row.update((column, row[column]) for column in _ALIAS.findall(text))
            if "entity" in row:
                row["entity"] = self._likely
            if "pruned" in row:
                row.update(_OF_FEED)
        return row

    async def fetchrow(
        self, text: str, *arguments: Any, record_class: type[Row] | None = None, stamp: Any = None
    ) -> Any:
        return (await self.fetch(text, *arguments, record_class=record_class))[0]

    async def execute(self, text: str) -> None:
        self._asked(text)

    async def stamp_with(self, _stamp: Any) -> None: ...

    def is_clean(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def transaction(self) -> SampleTransaction:
        return SampleTransaction(self._asked)

    # It also acts as a pool of itself.
    def pick(self, *_preferred: Any) -> SampleConnection:
        return self

    async def take(self, *_preferred: Any) -> SampleConnection:
        return self

    def take_back(self, _connection: Any) -> bool:
        return True

    async def release(self, _connection: Any) -> None: ...


class SampleTransaction:
    """A transaction that reports its beginning and end."""

    def __init__(self, asked: Callable[[str], None]) -> None:
        self._asked = asked

    async def start(self) -> None:
        self._asked("BEGIN")

    async def commit(self) -> None:
        self._asked("COMMIT")

    async def rollback(self) -> None:
        self._asked("ROLLBACK")
