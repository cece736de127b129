"""Generates the statements that read all rows of a user in a table, page by page, deleted ones included."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.data.statements import Through


def next_ids(table: str, *, after: bool) -> str:
    """Select the ids of the next rows, in the order of the primary key: the first ones, or those `after` the id `$2`.

    The last parameter is the most rows.
    """
    beyond, most = (" AND t.id > $2", "$3") if after else ("", "$2")
    return f"SELECT t.id\nFROM {table} AS t\nWHERE t.user_id = $1{beyond}\nORDER BY t.id\nLIMIT {most}"


def number(table: str) -> str:
    """Count the rows."""
    return f"SELECT count(*) AS number\nFROM {table} AS t\nWHERE t.user_id = $1"


def joined_ids(through: Through, order: Iterable[tuple[str, bool]]) -> str:
    """Select the ids that the objects `$2` are joined to, in this order of columns, each descending or not."""
    columns = ", ".join(f"j.{name}{' DESC' if descending else ''}" for name, descending in order)
    return (
        f"SELECT j.{through.by} AS id, j.{through.to} AS joined_id\nFROM {through.table} AS j\n"
        f"WHERE j.user_id = $1 AND j.{through.by} = ANY($2::uuid[])\nORDER BY {columns}, j.{through.to}"
    )
