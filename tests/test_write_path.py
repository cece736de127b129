"""What makes a write cheap keeps what a write promises: rules, versions, and the order of locks."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio

from tests.database import Database
from tests.recount import differences

ADD = "INSERT INTO messages (user_id, conversation_id, role, content) VALUES ($1, $2, 'user', 'Hello') RETURNING *"
FEED = "SELECT version, entity, entity_id, op, data FROM changes WHERE user_id = $1 ORDER BY version DESC LIMIT $2"


@dataclass(frozen=True, slots=True)
class Writer:
    """Two connections of the role that serves requests, stamped for a user with one conversation."""

    user_id: uuid.UUID
    conversation_id: uuid.UUID
    connection: asyncpg.Connection
    another: asyncpg.Connection


@pytest_asyncio.fixture(loop_scope="module")
async def writer(database: Database) -> AsyncIterator[Writer]:
    user_id = uuid.uuid4()
    settings = {"search_path": "parley", "app.user_id": str(user_id)}
    connection, another = [await asyncpg.connect(database.runtime_url, server_settings=settings) for _ in range(2)]
    await connection.execute(
        "INSERT INTO users (user_id, id, email) VALUES ($1, $1, $2)", user_id, f"{user_id}@example.org"
    )
    conversation_id = await connection.fetchval("INSERT INTO conversations (user_id) VALUES ($1) RETURNING id", user_id)
    yield Writer(user_id, conversation_id, connection, another)
    await connection.close()
    await another.close()


async def version(writer: Writer) -> int:
    return int(await writer.connection.fetchval("SELECT version FROM feeds WHERE user_id = $1", writer.user_id))


@pytest.mark.parametrize("table", ["messages", "conversations"])
async def test_the_trigger_evaluates_every_rule_of_the_table(superuser: asyncpg.Connection, table: str) -> None:
    """One that is added must be given to `rules_at_once` too, or be evaluated by the server."""
    source = f"SELECT prosrc FROM pg_proc WHERE oid = 'parley.{table}_rules'::regproc"  # noqa: S608
    before = await superuser.fetchval(source)
    unenforced = await superuser.fetch(
        "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c' AND NOT conenforced", table
    )
    assert unenforced
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute("SELECT rules_at_once($1, $2)", table, table == "conversations")
    after = await superuser.fetchval(source)
    await transaction.rollback()
    assert after == before
    assert all(f"THEN '{row['conname']}'" in before for row in unenforced)


async def test_a_rule_that_is_added_is_enforced_at_once_and_by_the_trigger_later(
    superuser: asyncpg.Connection, writer: Writer
) -> None:
    refused = "UPDATE conversations SET title = 'refused' WHERE id = $1"
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(
            "ALTER TABLE conversations ADD CONSTRAINT conversations_title_refused CHECK (title <> 'refused')"
        )
        for _ in ("by the server", "by the trigger"):
            with pytest.raises(asyncpg.CheckViolationError) as error:
                async with superuser.transaction():
                    await superuser.execute(refused, writer.conversation_id)
            assert (error.value.table_name, error.value.constraint_name) == (
                "conversations",
                "conversations_title_refused",
            )
            await superuser.execute("SELECT rules_at_once('conversations', true)")
    finally:
        await transaction.rollback()


async def test_a_message_takes_a_version_for_its_conversation_and_one_for_itself(writer: Writer) -> None:
    before = await version(writer)
    message = await writer.connection.fetchrow(ADD, writer.user_id, writer.conversation_id)
    conversation = await writer.connection.fetchrow(
        "SELECT * FROM conversations WHERE user_id = $1 AND id = $2", writer.user_id, writer.conversation_id
    )
    assert message is not None
    assert conversation is not None
    assert [tuple(row) for row in await writer.connection.fetch(FEED, writer.user_id, 2)] == [
        (before + 2, "messages", message["id"], "insert", f'{{"conversation_id": "{writer.conversation_id}"}}'),
        (before + 1, "conversations", writer.conversation_id, "update", "{}"),
    ]
    assert (
        (conversation["version"], message["version"]) == (before + 1, before + 2) == (before + 1, await version(writer))
    )
    assert conversation["updated_at"] == message["updated_at"] > message["created_at"]
    assert (conversation["last_seq"], conversation["last_message_id"]) == (message["seq"], message["id"])


async def test_messages_of_one_statement_follow_each_other(writer: Writer, superuser: asyncpg.Connection) -> None:
    rows = await writer.connection.fetch(
        "INSERT INTO messages (user_id, conversation_id, role, content, token_count)"
        " SELECT $1, $2, 'user', 'Hello', n FROM generate_series(1, 3) AS n RETURNING seq, version",
        writer.user_id,
        writer.conversation_id,
    )
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert [row["version"] - rows[0]["version"] for row in rows] == [0, 2, 4]
    assert await differences(superuser) == []


async def test_a_version_that_a_client_writes_counts_for_nothing(writer: Writer) -> None:
    before = await version(writer)
    text = "UPDATE conversations SET version = $3 WHERE user_id = $1 AND id = $2 RETURNING version"
    for number, written in enumerate((before + 1_000_000, 0, before), start=1):
        taken = await writer.connection.fetchval(text, writer.user_id, writer.conversation_id, written)
        assert taken == await version(writer) == before + number


async def test_a_message_waits_for_the_feed_before_it_locks_its_conversation(
    writer: Writer, superuser: asyncpg.Connection
) -> None:
    """Else a writer that has the feed and wants the conversation, and this one, would wait for each other."""
    text = "UPDATE users SET full_name = 'Busy' WHERE user_id = $1"
    async with asyncio.timeout(20), writer.another.transaction():
        await writer.another.execute(text, writer.user_id)
        adding = asyncio.create_task(writer.connection.fetch(ADD, writer.user_id, writer.conversation_id))
        waiting = "SELECT cardinality(pg_blocking_pids($1)) > 0"
        while not await superuser.fetchval(waiting, writer.connection.get_server_pid()):
            pass
        free = "SELECT id FROM conversations WHERE user_id = $1 AND id = $2 FOR UPDATE NOWAIT"
        assert await writer.another.fetchval(free, writer.user_id, writer.conversation_id) == writer.conversation_id
    assert [row["seq"] for row in await adding] == [1]
