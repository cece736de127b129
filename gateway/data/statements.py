"""Generates statements: by id, by parent, a keyset page, a count, an insert, an update.

Only this module and `gateway.data.clauses` build SQL text. Every name comes from a declaration in `resolvers/`, every
value is a parameter, and `$1` is always the caller's id, also where it selects nothing, as in a reference table. The
texts are cached, so a repeated operation prepares nothing.

Reads have two forms: `$2` is an array of keys or, with `one`, a single key, which costs the server a third as much.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.data.clauses.condition import Test, all_of
from gateway.data.clauses.name import quoted
from gateway.data.clauses.order import Nulls, Order, beyond_position, sorting
from gateway.data.queries import Query


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

    The list is ordered by columns of this table, which must be indexed; cursors are made of their values.
    """

    table: str
    by: str
    to: str
    deletable: bool = False
    """Whether the table has `deleted_at`. Rows that are deleted join nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the children of a link are: their table, the column that references the parent, and what is left out."""

    table: str
    by: str
    """Empty for all rows of a reference table."""
    deletable: bool = False
    through: Through | None = None

    def rows(self, key: str) -> str:
        """FROM and WHERE of the children of the parent with this key."""
        if self.through is None:
            # All rows have one key, which is mentioned so that the statement has the usual parameters.
            found = f"t.{self.by} = {key}" if self.by else f"{key}::uuid IS NOT NULL"
            text = f"FROM {self.table} AS t\nWHERE {_visible(self.table)} AND {found}"
        else:
            same = "" if self.table in _REFERENCE else "t.user_id = j.user_id AND "
            text = (
                f"FROM {self.through.table} AS j\n"
                f"JOIN {self.table} AS t ON {same}t.id = j.{self.through.to}\n"
                f"WHERE j.user_id = $1 AND j.{self.through.by} = {key}"
                f"{' AND j.deleted_at IS NULL' if self.through.deletable else ''}"
            )
        return text + (" AND t.deleted_at IS NULL" if self.deletable else "")

    def ordered(self, column: str) -> str:
        """The column for ordering. For a join table, it is that table's own column, which is indexed."""
        if self.through is None:
            return f"t.{column}"
        return f"j.{self.through.to}" if column == "id" else f"j.{column}"

    def position(self, order: Order) -> Columns:
        """The columns that a cursor is made of: those by which the list is ordered."""
        if self.through is None:
            return order.names
        return tuple(
            column if name == column else Shown(column, f"{self.ordered(column)} AS {name}")
            for column, name in zip(order.names, self.position_names(order), strict=True)
        )

    def position_names(self, order: Order) -> tuple[str, ...]:
        """The names of these columns in a row. They differ from the child's own columns for a join table."""
        if self.through is None:
            return order.names
        return tuple(column if column == "id" else f"link_{column}" for column in order.names)


@functools.lru_cache(maxsize=4096)
def by_key(table: str, column: str, columns: Columns, *, one: bool = False) -> str:
    """Select rows by a column's values."""
    keys = "$2" if one else "ANY($2::uuid[])"
    return f"SELECT {_list(table, columns, 't')}\nFROM {table} AS t\nWHERE {_visible(table)} AND t.{column} = {keys}"


def queried(query: Query, columns: Columns) -> str:
    """A hand-written query that returns columns for the keys of `$2`."""
    if query.parameters != ("user_id", "keys"):
        raise TypeError(f"{query.name} must take :user_id and :keys, in this order")
    return query.text.replace(":columns", ", ".join(_selected(column, {}, "t.") for column in columns))


@functools.lru_cache(maxsize=4096)
def children(source: Source, order: Order, columns: Columns, *, one: bool = False) -> str:
    """Select all children of each parent, in order. `link_ordinal` is the 1-based index of the parent's key in `$2`."""
    return _per_parent(source, _list(source.table, columns, "t"), _order(source, order), one=one)


@functools.lru_cache(maxsize=4096)
def page(
    source: Source,
    order: Order,
    backward: bool,
    conditions: tuple[Test, ...],
    continued: Nulls | None,
    columns: Columns,
    *,
    one: bool = False,
) -> str:
    """Select up to `$3` children of each parent, like `children`, or from the end of the order if `backward`.

    The conditions' parameters start at `$4`. If `continued`, the last parameters are the position to continue from,
    without its nulls.
    """
    where, first = _where(conditions, 4)
    parts = [""]
    if continued is not None:
        parts = beyond_position(order, _ordered(source, order), continued, first, backward=backward)
    end = _order(source, order, backward=backward) + "\nLIMIT $3"
    return _per_parent(
        source, _list(source.table, columns, "t"), *(where + part + end for part in parts), one=one, limit="$3"
    )


@functools.lru_cache(maxsize=1024)
def count(source: Source, conditions: tuple[Test, ...], *, one: bool = False) -> str:
    """Count the children of each parent, like `children`. The conditions' parameters start at `$3`."""
    where, _ = _where(conditions, 3)
    return _per_parent(source, "count(*) AS total", where, one=one)


@functools.lru_cache(maxsize=1024)
def beyond(
    source: Source,
    order: Order,
    backward: bool,
    conditions: tuple[Test, ...],
    continued: Nulls,
    *,
    one: bool = False,
) -> str:
    """Select one row for each parent that has a child at a position or before it, which `page` would skip.

    The conditions' parameters start at `$3`, followed by the position without its nulls.
    """
    where, first = _where(conditions, 3)
    columns = _ordered(source, order)
    # In reverse order, so that the index returns the nearest one first.
    parts = beyond_position(order, columns, continued, first, backward=not backward, inclusive=True)
    end = _order(source, order, backward=not backward) + "\nLIMIT 1"
    return _per_parent(source, "true AS found", *(where + part + end for part in parts), one=one, limit="1")


@functools.lru_cache(maxsize=1024)
def insert(table: str, names: tuple[str, ...], columns: Columns) -> str:
    """Insert a row of the caller, with the values of `names` from `$2` on.

    It returns stored columns, not derived ones: for a new row, they are the same.
    """
    values = ", ".join(f"${2 + n}" for n in range(len(names)))
    return (
        f"INSERT INTO {table} ({', '.join(('user_id', *map(quoted, names)))})\n"
        f"VALUES ({', '.join(filter(None, ('$1', values)))})\n"
        f"RETURNING {', '.join(_selected(column, {}, '') for column in columns)}"
    )


@functools.lru_cache(maxsize=1024)
def insert_all(table: str, columns: Columns) -> str:
    """Insert the rows of a JSON array, `$2`, and return them in its order, like `insert`.

    The migration of the table declares that its rows may be inserted in bulk.
    """
    names = ", ".join(_selected(column, {}, "t.") for column in columns)
    return f"SELECT {names}\nFROM {table}_insert_all($2::jsonb) AS t\nWHERE t.user_id = $1"


def broken_rules(columns: tuple[tuple[str, str], ...], rules: tuple[tuple[str, str], ...]) -> str:
    """Select the names of the rules that are violated by values of these columns, which start at `$1`.

    Columns come with their types, and rules with their conditions, from the database catalogue. The name of a list rule
    is followed by the path of the mistake, such as `orders_items_list.2.name`. No table is read, so there is no caller.
    """
    parameters = ", ".join(f"${n}::{kind} AS {name}" for n, (name, kind) in enumerate(columns, 1))
    broken = ",\n    ".join(
        f"CASE WHEN NOT ({condition}) THEN {_found(name, condition)} END" for name, condition in rules
    )
    return f"SELECT array_remove(ARRAY[\n    {broken}\n], NULL) AS broken\nFROM (SELECT {parameters}) AS proposed"


def _found(name: str, condition: str) -> str:
    """The name of a rule and, for a list rule, the path of the mistake."""
    found = _LIST_RULE.fullmatch(condition)
    return f"concat_ws('.', '{name}', array_to_string({found[1]}, '.'))" if found else f"'{name}'"


_LIST_RULE = re.compile(r"\((\S*_list_mistake\(.*\)) IS NULL\)")
"""The condition of a rule made by `add_list_rule`."""


@functools.lru_cache(maxsize=1024)
def update(
    table: str,
    names: tuple[str, ...],
    guard: str,
    columns: Columns,
    *,
    reset: tuple[str, ...] = (),
    by: str = "id",
) -> str:
    """Update the row `$2` with the values of `names` from `$3` on, if `guard` holds: a `condition`, or nothing.

    The columns in `reset` get their defaults. `$2` is the value of the column `by`.
    """
    values = ", ".join(
        [
            *(f"{quoted(name)} = ${3 + n}" for n, name in enumerate(names)),
            *(f"{quoted(name)} = DEFAULT" for name in reset),
        ]
    )
    return (
        f"UPDATE {table}\nSET {values}\nWHERE user_id = $1 AND {by} = $2{guard and f' AND {guard}'}\n"
        f"RETURNING {_list(table, columns)}"
    )


@functools.lru_cache(maxsize=1024)
def by_columns(table: str, names: tuple[str, ...], columns: Columns) -> str:
    """Select rows by the values of several columns, which start at `$2`."""
    return f"SELECT {_list(table, columns, 't')}\nFROM {table} AS t\nWHERE t.user_id = $1{_equal(names, 't.', 2)}"


@functools.lru_cache(maxsize=1024)
def replace(table: str, key: tuple[str, ...], names: tuple[str, ...], columns: Columns, *, deletable: bool) -> str:
    """Update the row with a key, whose values start at `$2`, if any of the values that follow them is different.

    A deleted row is left as it is.
    """
    given = [(name, f"${2 + len(key) + n}") for n, name in enumerate(names)]
    return (
        f"UPDATE {table}\nSET {', '.join(f'{name} = {value}' for name, value in given)}\n"
        f"WHERE user_id = $1{_equal(key, '', 2)}{' AND deleted_at IS NULL' if deletable else ''}"
        f" AND ({' OR '.join(f'{name} IS DISTINCT FROM {value}' for name, value in given)})\n"
        f"RETURNING {_list(table, columns)}"
    )


@functools.lru_cache(maxsize=256)
def remove(table: str, names: tuple[str, ...]) -> str:
    """Remove for good the rows that have, in each of these columns, one of the values of an array, from `$2` on."""
    where = "".join(f" AND t.{name} = ANY(${2 + n})" for n, name in enumerate(names))
    return (
        f"SELECT removed FROM remove_{table}(ARRAY(\n"
        f"SELECT t.id FROM {table} AS t WHERE t.user_id = $1{where}\n)) AS removed"
    )


def change_joins(table: str) -> str:
    """Add, remove or set (`$4`) the rows `$3` that the row `$2` is joined to. The migration calls `join_table()`."""
    changed = f"change_{table}($2::uuid, $3::uuid[], $4::text)"
    return f"SELECT c.is_deleted, c.missing\nFROM {changed} AS c\nWHERE c.user_id = $1"


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


@functools.lru_cache(maxsize=256)
def which_table(tables: tuple[str, ...], *, one: bool = False) -> str:
    """Select which of the tables contains each id of `$2`. For a single id, the first table ends the search."""
    ids, end = ("$2", "\nLIMIT 1") if one else ("ANY($2::uuid[])", "")
    parts = (f"SELECT '{t}' AS entity, id FROM {t} WHERE user_id = $1 AND id = {ids}" for t in tables)
    return "\nUNION ALL\n".join(parts) + end


def which_trash(tables: tuple[str, ...]) -> str:
    """Select which table contains the id `$2`, above all as that of a deleted row: two types may have the id."""
    parts = (f"SELECT '{t}' AS entity, deleted_at FROM {t} WHERE user_id = $1 AND id = $2" for t in tables)
    return "\nUNION ALL\n".join(parts) + "\nORDER BY deleted_at NULLS LAST\nLIMIT 1"


def _equal(names: tuple[str, ...], prefix: str, first: int) -> str:
    return "".join(f" AND {prefix}{name} = ${first + n}" for n, name in enumerate(names))


def _per_parent(source: Source, columns: str, *rests: str, one: bool, limit: str = "") -> str:
    """Select columns of the children of each parent. `rests` end the statement, in parts if there are several."""
    key = "$2" if one else "k.key"
    if one and len(rests) == 1:
        return f"SELECT 1 AS link_ordinal, {columns}\n{source.rows(key)}{rests[0]}"
    selects = [f"SELECT {columns}\n{source.rows(key)}{rest}" for rest in rests]
    # The server runs one part after the other, as far as the limit needs, and keeps their order: connections allow no
    # parallel workers (`driver.connecting`).
    inner = selects[0] if len(selects) == 1 else "(\n" + "\n) UNION ALL (\n".join(selects) + f"\n)\nLIMIT {limit}"
    if one:
        return f"SELECT 1 AS link_ordinal, r.*\nFROM (\n{inner}\n) AS r"
    # LATERAL runs as a nested loop, which keeps the order of the inner query for each parent.
    return (
        "SELECT k.ordinal AS link_ordinal, r.*\nFROM unnest($2::uuid[]) WITH ORDINALITY AS k (key, ordinal)\n"
        f"CROSS JOIN LATERAL (\n{inner}\n) AS r"
    )


def _where(conditions: tuple[Test, ...], first: int) -> tuple[str, int]:
    """The conditions, with parameters from `first` on, and the number of the next parameter."""
    if not conditions:
        return "", first
    return f" AND {all_of(conditions, first)}", first + sum(each.parameters for each in conditions)


def _ordered(source: Source, order: Order) -> list[str]:
    return [source.ordered(column) for column in order.names]


def _order(source: Source, order: Order, *, backward: bool = False) -> str:
    return f"\nORDER BY {sorting(order, _ordered(source, order), backward=backward)}"


def _list(table: str, columns: Columns, alias: str = "") -> str:
    derived = _DERIVED.get(table, {})
    prefix = f"{alias or table}." if alias or derived else ""
    return ", ".join(_selected(column, derived, prefix) for column in columns)


def _selected(column: str | Shown, derived: Mapping[str, str], prefix: str) -> str:
    if isinstance(column, Shown):
        return column.select.format(prefix + derived.get(column.column, quoted(column.column)))
    return f"{prefix}{derived[column]} AS {column}" if column in derived else prefix + quoted(column)


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
