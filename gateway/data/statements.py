"""Generates statements: by id, by parent, a keyset page, a count, an insert, an update.

This is the only module that builds SQL text. Every name comes from a declaration in `resolvers/`, every value is a
parameter, and `$1` is always the caller's id, also where it selects nothing, as in a reference table. The texts are
cached, so a repeated operation prepares nothing.

Reads have two forms: `$2` is an array of keys or, with `one`, a single key, which costs the server a third as much.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Shown(NamedTuple):
    """A column that is selected through an expression, such as `trim_scale({})::text`."""

    column: str
    select: str


Columns = tuple[str | Shown, ...]

NOT_NULL: Any = object()
"""Stands for any value in a `condition`."""


@dataclass(frozen=True, slots=True)
class Through:
    """A join table between two entities: `by` references the parent and `to` the child.

    The list is ordered by a column of this table, which must be indexed; cursors are made of its values.
    """

    table: str
    by: str
    to: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where the children of a link are: their table, the column that references the parent, and what is left out."""

    table: str
    by: str
    """Empty for the list of a root, which has every row that the caller may see."""
    deletable: bool = False
    through: Through | None = None

    def rows(self, key: str) -> str:
        """FROM and WHERE of the children of the parent with this key."""
        if self.through is None:
            # The list of a root has all rows. It mentions its only key, so that the statement has the usual parameters.
            found = f"t.{self.by} = {key}" if self.by else f"{key}::uuid IS NOT NULL"
            text = f"FROM {self.table} AS t\nWHERE {_visible(self.table)} AND {found}"
        else:
            same = "" if self.table in _REFERENCE else "t.user_id = j.user_id AND "
            text = (
                f"FROM {self.through.table} AS j\n"
                f"JOIN {self.table} AS t ON {same}t.id = j.{self.through.to}\n"
                f"WHERE j.user_id = $1 AND j.{self.through.by} = {key}"
            )
        return text + (" AND t.deleted_at IS NULL" if self.deletable else "")

    def ordered(self, column: str) -> str:
        """The column for ordering. For a join table, it is that table's own column, which is indexed."""
        if self.through is None:
            return f"t.{column}"
        return f"j.{self.through.to}" if column == "id" else f"j.{column}"

    def position(self, order: tuple[str, ...]) -> Columns:
        """The columns that a cursor is made of: those by which the list is ordered."""
        if self.through is None:
            return order
        return tuple(
            column if name == column else Shown(column, f"{self.ordered(column)} AS {name}")
            for column, name in zip(order, self.position_names(order), strict=True)
        )

    def position_names(self, order: tuple[str, ...]) -> tuple[str, ...]:
        """The names of these columns in a row. They differ from the child's own columns for a join table."""
        if self.through is None:
            return order
        return tuple(column if column == "id" else f"link_{column}" for column in order)


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one column. `test` contains `{}` in place of its parameter, if it has one."""

    column: str
    test: str
    or_null: bool = False
    """Whether rows with null pass too."""

    def text(self, position: int) -> str:
        text = f"t.{self.column} {self.test.format(f'${position}')}"
        return f"(t.{self.column} IS NULL OR {text})" if self.or_null else text


@functools.lru_cache(maxsize=4096)
def by_key(table: str, column: str, columns: Columns, *, one: bool = False) -> str:
    """Select rows by a column's values."""
    keys = "$2" if one else "ANY($2::uuid[])"
    return f"SELECT {_list(table, columns, 't')}\nFROM {table} AS t\nWHERE {_visible(table)} AND t.{column} = {keys}"


@functools.lru_cache(maxsize=4096)
def children(source: Source, order: tuple[str, ...], descending: bool, columns: Columns, *, one: bool = False) -> str:
    """Select all children of each parent, in order. `link_ordinal` is the 1-based index of the parent's key in `$2`."""
    return _per_parent(source, _list(source.table, columns, "t"), _order(source, order, descending), one)


@functools.lru_cache(maxsize=4096)
def page(
    source: Source,
    order: tuple[str, ...],
    descending: bool,
    conditions: tuple[Condition, ...],
    continued: bool,
    columns: Columns,
    *,
    one: bool = False,
) -> str:
    """Select up to `$3` children of each parent, like `children`.

    The conditions' parameters start at `$4`. If `continued`, the last parameters are the position to continue after.
    All columns of an order have the same direction, so a row comparison seeks in its index.
    """
    where, first = _where(conditions, 4)
    if continued:
        where += _compared(source, order, "<" if descending else ">", first)
    ordered = where + _order(source, order, descending) + "\nLIMIT $3"
    return _per_parent(source, _list(source.table, columns, "t"), ordered, one)


@functools.lru_cache(maxsize=1024)
def count(source: Source, conditions: tuple[Condition, ...], *, one: bool = False) -> str:
    """Count the children of each parent, like `children`. The conditions' parameters start at `$3`."""
    where, _ = _where(conditions, 3)
    return _per_parent(source, "count(*) AS total", where, one)


@functools.lru_cache(maxsize=1024)
def beyond(
    source: Source, order: tuple[str, ...], descending: bool, conditions: tuple[Condition, ...], *, one: bool = False
) -> str:
    """Select one row for each parent that has a child at a position or before it, which `page` would skip.

    The conditions' parameters start at `$3`, followed by the position.
    """
    where, first = _where(conditions, 3)
    where += _compared(source, order, ">=" if descending else "<=", first)
    # In reverse order, so that the index returns the nearest one first.
    return _per_parent(source, "true AS found", f"{where}{_order(source, order, not descending)}\nLIMIT 1", one)


@functools.lru_cache(maxsize=1024)
def insert(table: str, names: tuple[str, ...], columns: Columns) -> str:
    """Insert a row of the caller, with the values of `names` from `$2` on.

    It returns stored columns, not derived ones: for a new row, they are the same.
    """
    values = ", ".join(f"${2 + n}" for n in range(len(names)))
    return (
        f"INSERT INTO {table} ({', '.join(('user_id', *names))})\n"
        f"VALUES ({', '.join(filter(None, ('$1', values)))})\n"
        f"RETURNING {', '.join(_selected(column, {}, '') for column in columns)}"
    )


def broken_rules(columns: tuple[tuple[str, str], ...], rules: tuple[tuple[str, str], ...]) -> str:
    """Select the names of the rules that are violated by values of these columns, which start at `$1`.

    Columns come with their types, and rules with their conditions, from the database catalogue. No table is read, so
    there is no caller.
    """
    parameters = ", ".join(f"${n}::{kind} AS {name}" for n, (name, kind) in enumerate(columns, 1))
    broken = ",\n    ".join(f"CASE WHEN NOT ({condition}) THEN '{name}' END" for name, condition in rules)
    return f"SELECT array_remove(ARRAY[\n    {broken}\n], NULL) AS broken\nFROM (SELECT {parameters}) AS proposed"


@functools.lru_cache(maxsize=1024)
def update(table: str, names: tuple[str, ...], guard: str, columns: Columns) -> str:
    """Update the row `$2` with the values of `names` from `$3` on, if `guard` holds: a `condition`, or nothing."""
    values = ", ".join(f"{name} = ${3 + n}" for n, name in enumerate(names))
    return (
        f"UPDATE {table}\nSET {values}\nWHERE user_id = $1 AND id = $2{guard and f' AND {guard}'}\n"
        f"RETURNING {_list(table, columns)}"
    )


def condition(wanted: Mapping[str, Any], first: int) -> tuple[str, list[Any]]:
    """A condition on columns, and the values of its parameters, which are numbered from `first` on.

    A column must equal a value, be null (None) or not be null (`NOT_NULL`).
    """
    parts, values = [], list[Any]()
    for name, value in wanted.items():
        if value is None:
            parts.append(f"{name} IS NULL")
        elif value is NOT_NULL:
            parts.append(f"{name} IS NOT NULL")
        else:
            parts.append(f"{name} = ${first + len(values)}")
            values.append(value)
    return " AND ".join(parts), values


@functools.lru_cache(maxsize=16)
def which_table(tables: tuple[str, ...]) -> str:
    """Select which of the tables contains each id of `$2`."""
    parts = (f"SELECT '{t}' AS entity, id FROM {t} WHERE user_id = $1 AND id = ANY($2::uuid[])" for t in tables)
    return "\nUNION ALL\n".join(parts)


def _per_parent(source: Source, columns: str, rest: str, one: bool) -> str:
    if one:
        return f"SELECT 1 AS link_ordinal, {columns}\n{source.rows('$2')}{rest}"
    # LATERAL runs as a nested loop, which keeps the order of the inner query for each parent.
    return (
        "SELECT k.ordinal AS link_ordinal, r.*\nFROM unnest($2::uuid[]) WITH ORDINALITY AS k (key, ordinal)\n"
        f"CROSS JOIN LATERAL (\nSELECT {columns}\n{source.rows('k.key')}{rest}\n) AS r"
    )


def _where(conditions: tuple[Condition, ...], first: int) -> tuple[str, int]:
    """The conditions, with parameters from `first` on, and the number of the next parameter."""
    text = ""
    for condition in conditions:
        text += f" AND {condition.text(first)}"
        first += "{}" in condition.test
    return text, first


def _compared(source: Source, order: tuple[str, ...], operator: str, first: int) -> str:
    """The comparison with the position, whose parameters start at `first`."""
    names = ", ".join(source.ordered(column) for column in order)
    position = ", ".join(f"${first + n}" for n in range(len(order)))
    return f" AND ({names}) {operator} ({position})"


def _order(source: Source, order: tuple[str, ...], descending: bool) -> str:
    way = " DESC" if descending else ""
    return "\nORDER BY " + ", ".join(source.ordered(column) + way for column in order)


def _list(table: str, columns: Columns, alias: str = "") -> str:
    derived = _DERIVED.get(table, {})
    prefix = f"{alias or table}." if alias or derived else ""
    return ", ".join(_selected(column, derived, prefix) for column in columns)


def _selected(column: str | Shown, derived: Mapping[str, str], prefix: str) -> str:
    if isinstance(column, Shown):
        return column.select.format(prefix + derived.get(column.column, column.column))
    return f"{prefix}{derived[column]} AS {column}" if column in derived else prefix + column


def _visible(table: str) -> str:
    """The condition on the rows of `t`: those of the caller or, for reference data, all rows for any caller."""
    return "$1::uuid IS NOT NULL" if table in _REFERENCE else "t.user_id = $1"


def share(table: str) -> None:
    """From now on, read this table as reference data: all its rows are the same for every caller."""
    _REFERENCE.add(table)


_REFERENCE: set[str] = set()
"""The tables of reference data, which have no column `user_id`."""


def derive(table: str, columns: Mapping[str, str]) -> None:
    """From now on, read these columns through functions of the row, which PostgreSQL can call like columns."""
    _DERIVED[table] = dict(columns)


_DERIVED: dict[str, dict[str, str]] = {}
"""The functions through which columns are read, by table."""
