"""Indexes that are broken, and foreign keys that no index serves."""

from __future__ import annotations

from gateway.data.setup.catalogue import Index, Key, Table
from gateway.data.setup.roles import SCHEMA, quoted
from gateway.doctor.check import Findings, check
from gateway.doctor.finding import note, warning
from gateway.doctor.installation import Installation

INVALID = """
SELECT format('%I.%I', namespace.nspname, class.relname) AS name,
       format('%I.%I', namespace.nspname, owner.relname) AS table,
       class.relname ~ '_ccnew\\d*$' OR class.relname ~ '_ccold\\d*$' AS left_over
FROM pg_index AS index
JOIN pg_class AS class ON class.oid = index.indexrelid
JOIN pg_class AS owner ON owner.oid = index.indrelid
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE starts_with(namespace.nspname, $1)
  AND NOT (index.indisvalid AND index.indisready)
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = index.indexrelid)
ORDER BY 1
"""


@check("Invalid indexes")
async def invalid_indexes(installation: Installation) -> Findings:
    """Indexes whose creation failed: they cost each write, and serve no query."""
    for row in await installation.connection.fetch(INVALID, SCHEMA):
        done = "DROP INDEX CONCURRENTLY" if row["left_over"] else "REINDEX INDEX CONCURRENTLY"
        yield warning(
            f"The index {row['name']} of {row['table']} is not valid: it costs each write, and serves no query.",
            "If it is not being created at this moment:",
            sql=f"{done} {row['name']};",
            subject=row["name"],
        )


@check("Foreign keys without an index")
async def unindexed_keys(installation: Installation) -> Findings:
    """Foreign keys that no index serves, so that removing a parent reads the table."""
    partly = []
    for name, table in sorted((await installation.catalogue()).items()):
        for key in table.keys:
            columns = ", ".join(quoted(column) for column in _shortened(key))
            where = f"{SCHEMA}.{quoted(name)} ({columns})"
            if any(_serves(index, key) for index in table.indexes):
                continue
            if any(_serves(index, key, deleted=False) for index in table.indexes):
                partly.append(f"{name}.{_shortened(key)[-1]}")
                continue
            yield warning(
                f"No index serves the foreign key {where}: removing a parent reads {_read(table)}.",
                sql=f"CREATE INDEX CONCURRENTLY ON {where};",
                subject=f"{name}.{_shortened(key)[-1]}",
            )
    if partly:
        yield note(
            f"The indexes for {', '.join(partly)} leave deleted rows out, so removing a row that these refer to reads "
            "all rows of its user there."
        )


def _shortened(key: Key) -> tuple[str, ...]:
    """The user's id and the id itself, which say everything."""
    by = next((mine for mine, theirs in zip(key.columns, key.named, strict=True) if theirs == "id"), key.columns[-1])
    return tuple(dict.fromkeys(["user_id", by] if "user_id" in key.columns else [by]))


def _serves(index: Index, key: Key, *, deleted: bool = True) -> bool:
    """Whether an index begins with columns of the key, beyond the user's id, and contains all rows of the parents.

    With `deleted=False`, rows that are deleted may be missing.
    """
    first = index.columns[: min(2, len(key.columns))]
    if not set(first) <= set(key.columns):
        return False
    harmless = {f"{column} IS NOT NULL" for column in key.columns} | (set() if deleted else {"deleted_at IS NULL"})
    return index.condition is None or {part.strip("()") for part in index.condition.split(" AND ")} <= harmless


def _read(table: Table) -> str:
    starts = any(index.columns[0] == "user_id" and index.condition is None for index in table.indexes)
    return "all rows of its user in it" if starts and "user_id" in table.columns else "the whole table"
