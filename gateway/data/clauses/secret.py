"""The columns of secrets, which `add_secret()` makes."""

from __future__ import annotations

import functools

from gateway.data.clauses.name import quoted


def generation_of(column: str) -> str:
    """The column that counts how often a secret was written."""
    return f"{column}_generation"


@functools.lru_cache(maxsize=256)
def sealed_secret(table: str, column: str) -> str:
    """Select the sealed secret of the row with the id `$2`, and its generation; no row if that is deleted."""
    return (
        f"SELECT t.{quoted(generation_of(column))} AS generation, "
        f"coalesce(secret_of(t.id, '{table}.{column}'), '') AS sealed\n"
        f"FROM {table} AS t\nWHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL"
    )
