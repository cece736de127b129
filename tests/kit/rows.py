"""Read rows as the superuser: all of a user, to check that nothing has changed, and sums that differ from a recount."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import pytest_asyncio

from gateway.work.afterwards import Afterwards
from tests.kit import samples
from tests.kit.database import Database

USER_TABLES = """
    SELECT class.relname
    FROM pg_class AS class
    JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attname = 'user_id'
    WHERE class.relnamespace = 'parley'::regnamespace AND class.relkind IN ('r', 'p')
    ORDER BY class.relname
"""
ALL_TABLES = """
SELECT c.oid::regclass::text
FROM pg_class AS c
WHERE c.relnamespace::regnamespace::text IN ('parley', 'parley_work') AND c.relkind IN ('r', 'p')
"""

NO_ROW = "00000000-0000-7000-8000-000000000000"
"""An id that no row has."""

FEEDS = """
SELECT f.user_id AS id, to_jsonb(f.version) AS kept, jsonb_build_array(count(c.version), max(c.version)) AS counted
FROM feeds AS f
LEFT JOIN changes AS c ON c.user_id = f.user_id
GROUP BY f.user_id, f.version, f.pruned
HAVING f.version <> coalesce(max(c.version), 0) OR f.version - f.pruned <> count(c.version)
"""

ROLLUPS = "SELECT parent, column_name, recount FROM rollups()"

Rows = dict[str, list[dict[str, Any]]]
"""Rows by table."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def superuser(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection, which bypasses row-level security."""
    connection = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    yield connection
    await connection.close()


async def user_tables(superuser: asyncpg.Connection) -> list[str]:
    """The names of all tables whose rows belong to users."""
    return [row["relname"] for row in await superuser.fetch(USER_TABLES)]


async def rows_of(superuser: asyncpg.Connection, *user_ids: str | None) -> Rows:
    """All rows of these users by table, and the revocations of their sessions and agents' tokens."""
    parts = [
        f"SELECT '{table}' AS name, to_jsonb(t) AS line FROM {table} AS t WHERE t.user_id = ANY($1::uuid[])"  # noqa: S608
        for table in await user_tables(superuser)
    ]
    parts.append(
        "SELECT 'revocations', to_jsonb(r) FROM revocations AS r"
        " JOIN (SELECT user_id, id FROM sessions UNION ALL SELECT user_id, id FROM agent_tokens) AS c"
        " ON c.id = r.session_id WHERE c.user_id = ANY($1::uuid[])"
    )
    found: Rows = {}
    text = " UNION ALL ".join(parts) + " ORDER BY 1, 2"
    for row in await superuser.fetch(text, user_ids):
        found.setdefault(row["name"], []).append(orjson.loads(row["line"]))
    return found


@asynccontextmanager
async def unchanged(
    superuser: asyncpg.Connection,
    *user_ids: str | None,
    besides: Iterable[str] = (),
    afterwards: Afterwards | None = None,
) -> AsyncIterator[None]:
    """Check that the block changes no row of these users, `besides` those of some tables.

    If it tries a wrong password, pass what records that `afterwards`: then the audit may tell of it.
    """
    before = await rows_of(superuser, *user_ids)
    yield
    if afterwards is not None:
        await afterwards.done()
    after = await rows_of(superuser, *user_ids)
    if afterwards is not None:
        before, after = without_failed_sign_ins(before), without_failed_sign_ins(after)
    for table in besides:
        before.pop(table, None)
        after.pop(table, None)
    assert diff_rows(before, after) == []


def without_failed_sign_ins(rows: Rows) -> Rows:
    """The rows as they would be if the audit did not tell of failed sign-ins, nor the feed of these entries."""
    failed = {row["id"] for row in rows.get("audit_entries", []) if row["action"] == "sign_in_failed"}
    told = Counter(row["user_id"] for row in rows.get("changes", []) if row["entity_id"] in failed)
    kept = {
        table: [row for row in found if row.get("id") not in failed and row.get("entity_id") not in failed]
        for table, found in rows.items()
    }
    feeds = [row | {"version": row["version"] - told[row["user_id"]]} for row in kept.get("feeds", [])]
    return kept | {"feeds": feeds}


def diff_rows(before: Rows, after: Rows) -> list[str]:
    """Describe each row that is only in one of the two."""
    return [
        f"{word} {table}: {row}"
        for word, one, other in (("gone from", before, after), ("new in", after, before))
        for table, rows in one.items()
        for row in rows
        if row not in other.get(table, [])
    ]


async def tables_naming(superuser: asyncpg.Connection, text: str) -> list[str]:
    """The tables with a row that contains a text, as it is or in bytes, of all that there are."""
    texts = [f"%{text}%", f"%{text.encode().hex()}%"]
    return [
        name
        for (name,) in await superuser.fetch(ALL_TABLES)
        if await superuser.fetchval(f"SELECT EXISTS (SELECT FROM {name} AS t WHERE t::text LIKE ANY ($1))", texts)  # noqa: S608
    ]


def ids_in(rows: Rows) -> list[str]:
    """The ids of all rows that have one, sorted."""
    return sorted({row["id"] for table in rows.values() for row in table if "id" in row})


def texts_in(value: Any) -> Iterable[str]:
    """All strings inside a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


async def differences(owner: asyncpg.Connection) -> list[dict[str, Any]]:
    """The stored sums that differ from a recount: those of feeds, all roll-ups, and the `SUMS` of all samples.

    The connection must be the superuser's, so that it sees the rows of all users.
    """
    rollups = [
        f"SELECT p.id, jsonb_build_object('{column}', p.{column}) AS kept, to_jsonb({recount}) AS counted"  # noqa: S608
        f" FROM {parent} AS p WHERE p.{column} IS DISTINCT FROM {recount}"
        for parent, column, recount in await owner.fetch(ROLLUPS)
    ]
    return [dict(row) for text in (*samples.sums(), FEEDS, *rollups) for row in await owner.fetch(text)]
