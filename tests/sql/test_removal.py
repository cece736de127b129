"""Removal for good: what belonged to a row goes with it, what is kept loses its link, and it can stop at any point."""

# ruff: noqa: S608 - the names come from the catalog

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.estate import Estate, make_estate
from tests.kit.rows import differences, rows_of
from tests.kit.serving import Serving

KINDS = {"conversations": "Conversation", "messages": "Message", "tool_executions": "ToolExecution"}

REFERRING = """
SELECT con.conrelid::regclass::text AS child, array_agg(held.attname::text) AS keys
FROM pg_constraint AS con
CROSS JOIN unnest(con.conkey, con.confkey) AS pair (held, named)
JOIN pg_attribute AS held ON held.attrelid = con.conrelid AND held.attnum = pair.held
JOIN pg_attribute AS named ON named.attrelid = con.confrelid AND named.attnum = pair.named AND named.attname = 'id'
WHERE con.contype = 'f' AND con.connamespace = 'parley'::regnamespace
GROUP BY con.conrelid
"""
UNSERVED = """
SELECT con.conname
FROM pg_constraint AS con
WHERE con.contype = 'f' AND con.connamespace = 'parley'::regnamespace
    AND con.confrelid <> 'users'::regclass AND NOT EXISTS (
        SELECT FROM pg_index AS i
        CROSS JOIN LATERAL (SELECT pg_get_expr(indpred, indrelid)) AS p (predicate)
        CROSS JOIN LATERAL (
            SELECT attname FROM pg_attribute
            WHERE attrelid = con.conrelid AND attnum = con.conkey[cardinality(con.conkey)]) AS k
        WHERE indrelid = con.conrelid AND con.conkey[cardinality(con.conkey)] = ANY (indkey)
            AND (indkey::smallint[])[0:least(cardinality(con.conkey), 2) - 1] <@ con.conkey
            AND (predicate IS NULL OR predicate = format('(%I IS NOT NULL)', k.attname)))
"""


@pytest_asyncio.fixture(loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


@pytest_asyncio.fixture(loop_scope="module")
async def runtime(database: Database, estate: Estate) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the runtime role, stamped with the user's id."""
    connection = await asyncpg.connect(database.runtime_url)
    await connection.execute("SELECT set_config('app.user_id', $1, false)", estate.user_id)
    yield connection
    await connection.close()


async def purge(runtime: asyncpg.Connection, table: str, id: str, most: int) -> int:
    """Remove a row of the trash, in batches, and return how many batches it took."""
    assert await runtime.fetchval("SELECT purge_begin($1, $2)", table, uuid.UUID(id))
    batches = 0
    while (await runtime.fetch("SELECT * FROM purge_next($1)", most))[0]["is_done"] is False:
        batches += 1
        assert batches < 1000
    assert await runtime.fetch("SELECT * FROM purge_next($1)", most) == []
    return batches + 1


@pytest.mark.parametrize("most", [1, 3, 500])
@pytest.mark.parametrize("table", KINDS)
async def test_a_row_goes_with_all_that_belongs_to_it(
    estate: Estate, runtime: asyncpg.Connection, superuser: asyncpg.Connection, table: str, most: int
) -> None:
    id = estate.ids[KINDS[table]][0]
    await runtime.execute(f"UPDATE {table} SET deleted_at = now() WHERE id = $1", uuid.UUID(id))
    before = await rows_of(superuser, estate.user_id)
    await purge(runtime, table, id, most)
    after = await rows_of(superuser, estate.user_id)
    assert id not in [row["id"] for row in after.get(table, [])]
    for row in await superuser.fetch(REFERRING):
        for key in row["keys"]:
            gone = {each["id"] for name in KINDS for each in before.get(name, [])} - {
                each["id"] for name in KINDS for each in after.get(name, [])
            }
            assert not [each for each in after.get(row["child"], []) if each[key] in gone], (row["child"], key)
    lost = {name: left for name, rows in before.items() if (left := len(rows) - len(after.get(name, []))) != 0}
    assert {"usage_logs", "usage_days", "users", "sessions"}.isdisjoint(lost)
    purged = Counter(row["entity"] for row in after["changes"][len(before["changes"]) :] if row["op"] == "purge")
    told = [row for row in after["audit_entries"] if row not in before["audit_entries"]]
    assert [(row["action"], row["entity_id"]) for row in told] == [("purged", id)]
    assert lost.pop("audit_entries") == -1
    assert {name: count for name, count in lost.items() if name not in ("changes", "message_growths")} == purged
    assert await differences(superuser) == []


async def test_a_row_is_removed_only_from_the_trash_and_is_not_restored_once_that_has_begun(
    estate: Estate, runtime: asyncpg.Connection
) -> None:
    id = uuid.UUID(estate.ids["Conversation"][0])
    begin = "SELECT purge_begin('conversations', $1)"
    assert await runtime.fetchval(begin, id) is False
    await runtime.execute("UPDATE conversations SET deleted_at = now() WHERE id = $1", id)
    restore = "UPDATE conversations SET deleted_at = NULL WHERE id = $1"
    await runtime.execute(restore, id)
    await runtime.execute("UPDATE conversations SET deleted_at = now() WHERE id = $1", id)
    assert await runtime.fetchval(begin, id) is True
    await runtime.fetch("SELECT purge_next(1)")
    with pytest.raises(asyncpg.CheckViolationError, match="this conversation is being removed permanently"):
        await runtime.execute(restore, id)
    assert await runtime.fetchval(begin, id) is True


async def test_nobody_removes_what_is_not_theirs(
    estate: Estate, runtime: asyncpg.Connection, serving: Serving, superuser: asyncpg.Connection
) -> None:
    other = await make_estate(serving, superuser)
    id = uuid.UUID(other.ids["Conversation"][0])
    await superuser.execute("SELECT set_config('app.user_id', $1, false)", other.user_id)
    await superuser.execute("UPDATE conversations SET deleted_at = now() WHERE id = $1", id)
    before = await rows_of(superuser, other.user_id)
    assert await runtime.fetchval("SELECT purge_begin('conversations', $1)", id) is False
    for table in ("users", "usage_logs", "feeds", "changes", "logins", "pg_class", "parley.messages", "no_table"):
        assert await runtime.fetchval("SELECT purge_begin($1, $2)", table, uuid.UUID(estate.user_id)) is False
    assert await runtime.fetch("SELECT * FROM purge_next(100)") == []
    assert await rows_of(superuser, other.user_id) == before


async def test_the_trash_has_what_was_deleted_by_itself_last_deleted_first(
    estate: Estate, runtime: asyncpg.Connection
) -> None:
    page = "SELECT entity, id, deleted_at FROM trash_page($1, $2, $3, $4)"
    within = "SELECT id, conversation_id FROM {} WHERE conversation_id = $1 AND deleted_at IS NULL LIMIT 1"
    conversation = await runtime.fetchval("SELECT conversation_id FROM tool_executions LIMIT 1")
    deleted = []
    for table in ("tool_executions", "messages"):
        id = await runtime.fetchval(within.format(table), conversation)
        await runtime.execute(f"UPDATE {table} SET deleted_at = clock_timestamp() WHERE id = $1", id)
        deleted.append(id)
        (first, *_) = await runtime.fetch(page, list(KINDS), None, None, 100)
        assert (first["entity"], first["id"]) == (table, id)
    await runtime.execute("UPDATE conversations SET deleted_at = clock_timestamp() WHERE id = $1", conversation)
    every = await runtime.fetch(page, list(KINDS), None, None, 100)
    assert (every[0]["entity"], every[0]["id"]) == ("conversations", conversation)
    assert not {row["id"] for row in every} & set(deleted), "they come back with their conversation"
    new = "INSERT INTO conversations (user_id) SELECT $1 FROM generate_series(1, 3)"
    await runtime.execute(new, uuid.UUID(estate.user_id))
    await runtime.execute("UPDATE conversations SET deleted_at = now() WHERE deleted_at IS NULL")
    every = await runtime.fetch(page, list(KINDS), None, None, 100)
    assert len(every) > 2
    one_by_one, position = [], (None, None)
    while rows := await runtime.fetch(page, list(KINDS), *position, 1):
        one_by_one += rows
        position = (rows[0]["deleted_at"], rows[0]["id"])
    assert one_by_one == every
    only = await runtime.fetch(page, ["conversations", "users", "no_table"], None, None, 100)
    assert {row["entity"] for row in only} == {"conversations"}
    assert await runtime.fetchval("SELECT purge_begin('conversations', $1)", conversation)
    assert conversation not in [row["id"] for row in await runtime.fetch(page, list(KINDS), None, None, 100)]


async def test_an_index_serves_the_removal_of_a_parent(superuser: asyncpg.Connection) -> None:
    """A foreign key looks for children of each removed row. The index must contain deleted ones."""
    assert [row["conname"] for row in await superuser.fetch(UNSERVED)] == []
