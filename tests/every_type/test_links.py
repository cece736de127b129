"""A row cannot refer to a deleted row, nor to one of its own descendants. Links are read from the catalog."""

# ruff: noqa: S608 - the names come from the catalog

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import join_tables
from tests.kit.serving import Serving
from tests.sql.test_write_path import until_waiting
from tests.tenancy.test_tenancy_in_sql import copy_of_a_row

LINKS = """
SELECT child.relname AS child, l.*
FROM pg_class AS child
CROSS JOIN LATERAL links_of(child.relname::text) AS l
WHERE child.relnamespace = 'parley'::regnamespace AND child.relkind IN ('r', 'p')
    AND has_any_column_privilege('parley_runtime', child.oid, 'INSERT')
    AND (l.can_be_deleted OR l.is_circular)
"""

NOT_MARKED = {"messages": "they are only reached through their conversation"}
"""Tables whose rows are not deleted with the parent that they belong to, with the reason."""

TABLES = """
CREATE TABLE folders (user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7(), parent_id uuid);
SELECT tenant_table('folders');
SELECT add_link('folders', 'parent_id', 'folders');
CREATE TABLE steps (user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7(), parent_id uuid);
SELECT tenant_table('steps', without => '{deleted_at}');
SELECT add_link('steps', 'parent_id', 'steps');
CREATE TABLE attachments (
    user_id uuid, id uuid DEFAULT uuid7(), conversation_id uuid NOT NULL, message_id uuid
);
SELECT tenant_table('attachments');
SELECT add_link('attachments', 'conversation_id', 'conversations');
SELECT add_link('attachments', 'message_id', 'messages', sharing => 'conversation_id');
SELECT keep_links('attachments', within => '{conversation_id,message_id}');
"""
"""Tables as a later migration would create them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


@pytest_asyncio.fixture(loop_scope="module")
async def later(superuser: asyncpg.Connection, estate: Estate) -> AsyncIterator[asyncpg.Connection]:
    """The superuser's connection, stamped with the user's id, with three more tables until the end of the test."""
    async with undone(superuser):
        await superuser.execute("SET LOCAL ROLE parley_owner")
        await superuser.execute(TABLES)
        await superuser.execute("RESET ROLE")
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", estate.user_id)
        yield superuser


@asynccontextmanager
async def undone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Roll back what the block does."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


@asynccontextmanager
async def refused(connection: asyncpg.Connection, constraint: str) -> AsyncIterator[None]:
    """Check that the block violates this constraint."""
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as error:
        async with connection.transaction():
            yield
    assert error.value.constraint_name == constraint


async def test_no_new_row_names_a_deleted_one(superuser: asyncpg.Connection, estate: Estate) -> None:
    links = [link for link in await superuser.fetch(LINKS) if link["can_be_deleted"]]
    assert {link["child"] for link in links} >= {"messages", "tool_executions", "context_optimizations", "usage_logs"}
    for link in links:
        child, parent, key = link["child"], link["parent"], link["key"]
        async with undone(superuser):
            await superuser.execute("SELECT set_config('app.user_id', $1, true)", estate.user_id)
            await superuser.execute("SET LOCAL session_replication_role = replica")
            found = f"SELECT id, {key} FROM {child} WHERE user_id = $1 AND {key} IS NOT NULL ORDER BY id LIMIT 1"
            row = await superuser.fetchrow(found, uuid.UUID(estate.user_id))
            assert row is not None, f"the test user has no row of {child} with a {key}"
            await superuser.execute(
                f"DELETE FROM {child} WHERE user_id = $1 AND id <> $2",
                *map(uuid.UUID, (estate.user_id, str(row["id"]))),
            ) if child != parent else None
            await superuser.execute(f"UPDATE {parent} SET deleted_at = now() WHERE id = $1", row[key])
            names, copy = await copy_of_a_row(superuser, child, estate.user_id)
            await superuser.execute("SET LOCAL session_replication_role = origin")
            async with refused(superuser, link["constraint_name"]):
                text = f"INSERT INTO {child} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{child}, $1)"
                if child == parent:
                    text = text.replace("$1", f"$1::jsonb || jsonb_build_object('{key}', '{row[key]}')")
                await superuser.execute(text, copy)


async def test_every_link_is_kept(superuser: asyncpg.Connection) -> None:
    """If a foreign key is added after tenant_table(), keep_links() must be called again."""
    for link in await superuser.fetch(LINKS):
        source = await superuser.fetchval(
            "SELECT p.prosrc FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid"
            " WHERE t.tgrelid = $1::regclass AND t.tgname = 'links'",
            link["child"],
        )
        assert link["constraint_name"] in (source or ""), (
            f"the trigger `links` does not check {link['constraint_name']}:"
            f" call keep_links('{link['child']}') in a migration"
        )
        if link["is_circular"]:
            assert f"{link['child']}_{link['key']}_circle" in source


async def test_what_lies_within_another_is_deleted_with_it_or_known(superuser: asyncpg.Connection) -> None:
    required = await superuser.fetch(
        f"SELECT child, parent, key FROM ({LINKS}) AS l WHERE can_be_deleted AND NOT is_circular AND is_set = 'true'"
        " AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = child::regclass AND attname = 'deleted_at')"
    )
    assert required
    for link in required:
        marked = await superuser.fetchval(
            "SELECT encode(tgargs, 'escape') FROM pg_trigger WHERE tgrelid = $1::regclass AND tgname = 'mark'",
            link["parent"],
        )
        is_marked = f"{link['child']}.{link['key']}" in (marked or "")
        if link["child"] in join_tables() and not is_marked:
            continue  # it lies within the first side alone
        assert is_marked != (link["child"] in NOT_MARKED), (
            f"rows of {link['child']} must be deleted with their parent in {link['parent']}, or be in NOT_MARKED: call"
            f" keep_links('{link['child']}', within => '{{{link['key']}}}') in a migration"
        )
        index = await superuser.fetchval(
            "SELECT count(*) FROM pg_indexes WHERE schemaname = 'parley' AND tablename = $1"
            " AND indexdef LIKE '%(user_id, deleted_at%) WHERE (deleted_at IS NOT NULL)'",
            link["child"],
        )
        for_good = await superuser.fetchval(
            "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = $1::regclass AND tgname = 'deleted_for_good')",
            link["child"],
        )
        assert index or for_good or not is_marked, (
            f"restoring rows of {link['child']} needs an index on (user_id, deleted_at) WHERE deleted_at IS NOT NULL"
        )


# --- cycles


async def circular(superuser: asyncpg.Connection) -> list[asyncpg.Record]:
    """The links of a table to itself."""
    return [link for link in await superuser.fetch(LINKS) if link["is_circular"]]


async def two_rows(superuser: asyncpg.Connection, table: str, estate: Estate) -> list[uuid.UUID]:
    """The ids of the user's first two rows of a table."""
    text = f"SELECT id FROM {table} WHERE user_id = $1 ORDER BY id LIMIT 2"
    return [row["id"] for row in await superuser.fetch(text, uuid.UUID(estate.user_id))]


async def test_nothing_lies_below_itself(superuser: asyncpg.Connection, estate: Estate) -> None:
    links = await circular(superuser)
    assert {link["child"] for link in links} == {"messages"}
    for link in links:
        table, key, circle = link["child"], link["key"], f"{link['child']}_{link['key']}_circle"
        one, other = await two_rows(superuser, table, estate)
        put = f"UPDATE {table} SET {key} = $2 WHERE id = $1"
        async with undone(superuser):
            await superuser.execute("SELECT set_config('app.user_id', $1, true)", estate.user_id)
            await superuser.execute(f"UPDATE {table} SET {key} = NULL WHERE id = ANY($1)", [one, other])
            async with refused(superuser, circle):
                await superuser.execute(put, one, one)
            await superuser.execute(put, other, one)
            async with refused(superuser, circle):
                await superuser.execute(put, one, other)
            async with refused(superuser, circle):
                await superuser.execute(
                    f"UPDATE {table} SET {key} = CASE id WHEN $1 THEN $2::uuid ELSE $1 END WHERE id = ANY($3)",
                    one,
                    other,
                    [one, other],
                )


async def test_two_halves_of_a_circle_at_once_do_not_make_one(
    superuser: asyncpg.Connection, database: Database, serving: Serving
) -> None:
    for link in await circular(superuser):
        estate = await make_estate(serving, superuser)
        table, key = link["child"], link["key"]
        one, other = await two_rows(superuser, table, estate)
        put = f"UPDATE {table} SET {key} = $2 WHERE id = $1"
        settings = {"search_path": "parley", "app.user_id": estate.user_id}
        writers = [await asyncpg.connect(database.runtime_url, server_settings=settings) for _ in range(2)]
        try:
            await writers[0].execute(f"UPDATE {table} SET {key} = NULL WHERE id = ANY($1)", [one, other])
            async with asyncio.timeout(20):
                async with writers[0].transaction():
                    await writers[0].execute(put, one, other)
                    second = asyncio.create_task(writers[1].execute(put, other, one))
                    await until_waiting(superuser, writers[1])
                with pytest.raises(asyncpg.CheckViolationError, match="would be its own ancestor"):
                    await second
        finally:
            for each in writers:
                await each.close()


async def test_a_message_is_not_its_own_parent_nor_that_of_one_before(estate: Estate) -> None:
    values = {"conversationId": estate.ids["Conversation"][0], "role": "USER", "content": "Hello"}
    id = str(uuid.uuid4())
    payload = await estate.client.mutate("addMessage", "message { id }", **values, id=id, parentId=id)
    assert payload == {
        "message": None,
        "userErrors": [
            {
                "code": "NOT_FOUND",
                "field": ["parentId"],
                "message": "There is no such message in this conversation.",
            }
        ],
    }


# --- later tables


@pytest.mark.parametrize("table", ["folders", "steps"])
async def test_a_later_table_has_no_circles(later: asyncpg.Connection, estate: Estate, table: str) -> None:
    insert = f"INSERT INTO {table} (user_id, id, parent_id) VALUES ($1, $2, $3)"
    user_id, *ids = uuid.UUID(estate.user_id), *(uuid.uuid4() for _ in range(4))
    async with refused(later, f"{table}_parent_id_exists"):
        await later.execute(insert, user_id, ids[0], ids[0])
    async with refused(later, f"{table}_parent_id_exists"):
        await later.execute(f"{insert}, ($1, $3, $2)", user_id, ids[0], ids[1])
    for id, parent in zip(ids, [None, *ids], strict=False):
        await later.execute(insert, user_id, id, parent)
    put = f"UPDATE {table} SET parent_id = $2 WHERE id = $1"
    for parent in ids:
        async with refused(later, f"{table}_parent_id_circle"):
            await later.execute(put, ids[0], parent)
    await later.execute(put, ids[3], ids[1])


async def test_a_later_table_takes_nothing_into_what_is_deleted(later: asyncpg.Connection, estate: Estate) -> None:
    insert = "INSERT INTO folders (user_id, parent_id) VALUES ($1, $2) RETURNING id"
    user_id = uuid.UUID(estate.user_id)
    parent, other = [await later.fetchval(insert, user_id, None) for _ in range(2)]
    await later.execute("UPDATE folders SET deleted_at = now() WHERE id = $1", parent)
    async with refused(later, "folders_parent_id_exists"):
        await later.fetchval(insert, user_id, parent)
    async with refused(later, "folders_parent_id_exists"):
        await later.execute("UPDATE folders SET parent_id = $2 WHERE id = $1", other, parent)


async def test_a_later_table_is_deleted_with_what_it_lies_within(later: asyncpg.Connection, estate: Estate) -> None:
    user_id, conversation = uuid.UUID(estate.user_id), uuid.UUID(estate.ids["Conversation"][0])
    messages = [uuid.UUID(id) for id in estate.ids["Message"][:2]]
    for message in (*messages, None):
        await later.execute(
            "INSERT INTO attachments (user_id, conversation_id, message_id) VALUES ($1, $2, $3)",
            user_id,
            conversation,
            message,
        )
    found = "SELECT message_id, extract(year FROM deleted_at)::integer FROM attachments ORDER BY id"

    async def years() -> list[int | None]:
        return [row[1] for row in await later.fetch(found)]

    mark = "UPDATE {} SET deleted_at = make_date($2, 1, 1) WHERE id = $1"
    await later.execute(mark.format("messages"), messages[0], 2001)
    assert await years() == [2001, None, None]
    await later.execute(mark.format("conversations"), conversation, 2002)
    assert await years() == [2001, 2002, 2002]
    tools = "SELECT count(*) FROM tool_executions WHERE conversation_id = $1 AND deleted_at IS NULL"
    assert await later.fetchval(tools, conversation) == 0
    async with refused(later, "attachments_id_within"):
        await later.execute("UPDATE attachments SET deleted_at = NULL")
    await later.execute(mark.format("conversations"), conversation, None)
    assert await years() == [2001, None, None]
    await later.execute(mark.format("messages"), messages[0], None)
    assert await years() == [None, None, None]
