"""What deleting an object and removing it for good must do, worked out in plain Python from all rows of its owner."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.kit.rows import Rows

KEYS = """
SELECT child.relname AS child, held.attname AS name, parent.relname AS parent, held.attnotnull AS required, coalesce(
    strpos(encode(mark.tgargs, 'escape'), format('%s.%s\\000', child.relname, held.attname)) > 0, false) AS lies_within
FROM pg_constraint AS con
JOIN pg_class AS child ON child.oid = con.conrelid
JOIN pg_class AS parent ON parent.oid = con.confrelid
CROSS JOIN unnest(con.conkey, con.confkey) AS pair (held, named)
JOIN pg_attribute AS held ON held.attrelid = con.conrelid AND held.attnum = pair.held
JOIN pg_attribute AS named ON named.attrelid = con.confrelid AND named.attnum = pair.named AND named.attname = 'id'
LEFT JOIN pg_trigger AS mark ON mark.tgrelid = parent.oid AND mark.tgname = 'mark'
WHERE con.contype = 'f' AND con.connamespace = 'parley'::regnamespace
ORDER BY child.relname, held.attname
"""

FEED = {"changes", "feeds", "audit_entries"}
"""Tables that go on naming removed rows: their changes, which conversation was the latest, and the audit."""
STAYING = FEED | {"usage_day_parts"}
"""Also the sums of usage, which stay apart by the key that paid."""

RowId = tuple[str, str]
"""The table and the id of a row."""


@dataclass(frozen=True, slots=True)
class Key:
    """A column that holds the id of another row."""

    child: str
    name: str
    parent: str
    lies_within: bool
    """Whether rows of the child are deleted with the row that the column names."""
    required: bool

    @property
    def takes_along(self) -> bool:
        """Whether rows of the child are removed with the row that the column names."""
        return self.lies_within or self.required

    def __str__(self) -> str:
        return f"{self.child}.{self.name}"


async def read_keys(superuser: asyncpg.Connection) -> list[Key]:
    """All columns that hold the id of another row, from the catalogue."""
    return [Key(**row) for row in await superuser.fetch(KEYS)]


def removed_with(keys: list[Key], rows: Rows, row: RowId) -> set[RowId]:
    """The rows that are removed with a row, and the row itself."""
    return _reached(row, [(key, rows) for key in keys if key.takes_along])


def deleted_with(keys: list[Key], rows: Rows, row: RowId) -> set[RowId]:
    """The rows that are deleted with a row, and the row itself, without those that were deleted before."""
    present = {table: [row for row in each if row.get("deleted_at") is None] for table, each in rows.items()}
    return _reached(row, [(key, present) for key in keys if key.lies_within])


def _reached(start: RowId, keys: list[tuple[Key, Rows]]) -> set[RowId]:
    reached, size = {start}, 0
    while size < len(reached):
        size = len(reached)
        for key, rows in keys:
            for row in rows.get(key.child, ()):
                if (key.parent, row[key.name]) in reached and "id" in row:
                    reached.add((key.child, row["id"]))
    return reached


def check_removed(keys: list[Key], before: Rows, after: Rows, gone: set[RowId]) -> None:
    """Check that exactly these rows are gone, and that nothing names them but `STAYING`: links to them are null."""
    for table in (before.keys() | after.keys()) - FEED:
        expected = {row["id"] for row in before.get(table, ()) if "id" in row} - {id for of, id in gone if of == table}
        assert {row["id"] for row in after.get(table, ()) if "id" in row} == expected, table
    ids = {id for _, id in gone}
    for table in after.keys() - STAYING:
        named = [id for row in after[table] for id in mentions(row, ids)]
        assert named == [], f"{table} still names removed rows"
    for key in keys:
        was = {row["id"]: row for row in before.get(key.child, ()) if "id" in row}
        for row in after.get(key.child, ()):
            if "id" in row:
                held = was[row["id"]][key.name]
                assert row[key.name] == (None if (key.parent, held) in gone else held), str(key)


def mentions(value: Any, ids: set[str]) -> Iterator[str]:
    """The ids of these that a JSON value holds, at any depth."""
    if isinstance(value, str):
        yield from {value} & ids
    elif isinstance(value, dict):
        for item in value.values():
            yield from mentions(item, ids)
    elif isinstance(value, list):
        for item in value:
            yield from mentions(item, ids)


def innermost_first(keys: list[Key], tables: list[str]) -> list[str]:
    """The tables, each before those with whose rows its rows are removed."""
    above: dict[str, set[str]] = {table: {table} for table in tables}
    for _ in tables:
        for key in keys:
            if key.takes_along and key.child in above:
                above[key.child] |= above.get(key.parent, set())
    return sorted(tables, key=lambda table: -len(above[table]))


def cover(keys: list[Key], rows: Rows, table: str) -> list[str]:
    """The ids of rows of a table, the fullest first, that together are named by all that can name one."""
    left = {key for key in keys if key.parent == table}
    ids = [row["id"] for row in rows[table] if row.get("deleted_at") is None]
    named = {id: {key for key in left if any(row[key.name] == id for row in rows.get(key.child, ()))} for id in ids}
    chosen: list[str] = []
    while not chosen or left:
        best = max(ids, key=lambda id: len(named[id] & left))
        assert named[best] & left or not left, (
            f"no row names one of {table} by {', '.join(map(str, left))}: create one in ROWS of a sample"
        )
        chosen.append(best)
        left -= named[best]
    return chosen


async def changes_after(superuser: asyncpg.Connection, user_id: str, version: int) -> list[tuple[str, str, str]]:
    """The changes in a user's feed after a version: the table, the id, and what was done."""
    text = "SELECT entity, entity_id::text, op FROM changes WHERE user_id = $1 AND version > $2 ORDER BY version"
    return [tuple(row) for row in await superuser.fetch(text, uuid.UUID(user_id), version)]
