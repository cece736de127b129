"""What makes a write cheap keeps what a write promises: rules, versions, and the order of locks."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.other_server import embedded_only
from tests.kit.rows import differences

ADD = "INSERT INTO messages (user_id, conversation_id, role, content) VALUES ($1, $2, 'user', 'Hello') RETURNING *"
NEW = "INSERT INTO conversations (user_id) VALUES ($1) RETURNING id"
MOVE = "UPDATE messages SET conversation_id = $2 WHERE user_id = $1"
DELETE = "DELETE FROM conversations WHERE user_id = $1 AND id = $2"
FEED = "SELECT version, entity, entity_id, op, data FROM changes WHERE user_id = $1 ORDER BY version DESC LIMIT $2"

KEPT_BY_TRIGGERS = (
    *("last_seq", "message_count", "last_message_id", "last_message_at", "active_at", "active_since"),
    *("message_tokens", "response_count", "response_ms", "updated_at", "version", "kept_at"),
    *("usage_cached_input_tokens", "usage_cache_write_input_tokens", "usage_reasoning_tokens", "approval_overrides"),
)
"""The columns of a conversation that only triggers write."""

WRITTEN_ONCE = ("request_hash",)
"""Its columns that are written when it is created, and never again."""


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
    conversation_id = await connection.fetchval(NEW, user_id)
    yield Writer(user_id, conversation_id, connection, another)
    await connection.close()
    await another.close()


async def version(writer: Writer) -> int:
    return int(await writer.connection.fetchval("SELECT version FROM feeds WHERE user_id = $1", writer.user_id))


async def until_waiting(observer: asyncpg.Connection, connection: asyncpg.Connection) -> None:
    """Returns when the connection waits for a lock."""
    while not await observer.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", connection.get_server_pid()):
        pass


@embedded_only
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


async def test_a_message_that_moves_is_in_the_feed_with_where_it_was(writer: Writer) -> None:
    told = "SELECT op, data ->> 'conversation_id', old_data ->> 'conversation_id' FROM changes WHERE entity_id = $1"
    transaction = writer.connection.transaction()
    await transaction.start()
    message = await writer.connection.fetchrow(ADD, writer.user_id, writer.conversation_id)
    assert message is not None
    other = await writer.connection.fetchval(NEW, writer.user_id)
    for conversation in (other, other, writer.conversation_id):
        await writer.connection.execute(
            "UPDATE messages SET conversation_id = $2, token_count = 1 WHERE id = $1", message["id"], conversation
        )
    found = [tuple(row) for row in await writer.connection.fetch(f"{told} ORDER BY version", message["id"])]
    # No mutation moves a message, and the sums of its conversations do not follow.
    await transaction.rollback()
    here, there = str(writer.conversation_id), str(other)
    assert found == [
        ("insert", here, None),
        ("update", there, here),
        ("update", there, None),
        ("update", here, there),
    ]


async def test_the_feed_of_every_table_carries_the_ids_of_a_row_as_they_were(superuser: asyncpg.Connection) -> None:
    """Of every id that it carries at all."""
    functions = await superuser.fetch(
        "SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'feed\\_%' AND prosrc LIKE '%TG_OP%'"
    )
    carried = {row["proname"]: set(re.findall(r"'(\w+_id)', NEW\.", row["prosrc"])) for row in functions}
    old = {row["proname"]: set(re.findall(r"OLD\.(\w+_id) IS DISTINCT FROM NEW", row["prosrc"])) for row in functions}
    assert old == carried
    assert sum(map(len, carried.values())) > 5


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


async def test_a_message_that_fills_its_conversation_archives_it_as_a_change_of_its_own(
    writer: Writer, superuser: asyncpg.Connection
) -> None:
    limit = "UPDATE conversations SET max_messages = 1 WHERE user_id = $1 RETURNING version"
    before = await writer.connection.fetchval(limit, writer.user_id)
    for _ in range(3):
        await writer.connection.execute(ADD, writer.user_id, writer.conversation_id)
    told = [row["entity"] for row in await writer.connection.fetch(FEED, writer.user_id, 7)]
    pair = ["conversations", "messages"]
    assert told[::-1] == [*pair, *pair, "conversations", *pair]
    archived = await writer.connection.fetchrow(
        "SELECT is_archived, is_auto_archived, version FROM conversations WHERE user_id = $1", writer.user_id
    )
    assert archived is not None
    assert tuple(archived) == (True, True, before + 6)
    assert await version(writer) == before + 7
    assert await differences(superuser) == []


async def test_conversations_are_in_the_order_of_what_happened_last_in_them(writer: Writer) -> None:
    random = Random(8)  # noqa: S311
    order = [writer.conversation_id]
    for _ in range(60):
        if random.random() < 0.2:
            order.append(await writer.connection.fetchval(NEW, writer.user_id))
        else:
            latest = random.choice(order[-3:])
            await writer.connection.execute(ADD, writer.user_id, latest)
            order.remove(latest)
            order.append(latest)
        for time in ("active_since", "active_at"):
            found = f"SELECT id FROM conversations WHERE user_id = $1 ORDER BY {time}"  # noqa: S608
            assert [row["id"] for row in await writer.connection.fetch(found, writer.user_id)] == order


async def test_a_conversation_becomes_the_latest_however_the_clock_was_set(
    writer: Writer, superuser: asyncpg.Connection
) -> None:
    ahead = "UPDATE feeds SET latest_since = '2100-01-01 00:00Z' WHERE user_id = $1 RETURNING latest_since"
    before = await superuser.fetchval(ahead, writer.user_id)
    found = "SELECT active_since FROM conversations WHERE user_id = $1 AND id = $2"
    new = await writer.connection.fetchval(NEW, writer.user_id)
    order = [await writer.connection.fetchval(found, writer.user_id, new)]
    for latest in (writer.conversation_id, new):
        await writer.connection.execute(ADD, writer.user_id, latest)
        order.append(await writer.connection.fetchval(found, writer.user_id, latest))
    assert before < order[0] < order[1] < order[2]


async def test_another_message_of_the_latest_conversation_is_in_no_index_of_conversations(writer: Writer) -> None:
    updated = "SELECT pg_stat_get_xact_tuples_{}updated('conversations'::regclass)"
    first, second = [await writer.connection.fetchval(NEW, writer.user_id) for _ in range(2)]
    async with writer.connection.transaction():
        for conversation_id, is_latest in ((second, True), (first, False), (first, True)):
            before = await writer.connection.fetchval(updated.format("hot_"))
            await writer.connection.execute(ADD, writer.user_id, conversation_id)
            assert await writer.connection.fetchval(updated.format("hot_")) == before + is_latest
        assert await writer.connection.fetchval(updated.format("")) == 3


TOLD = """
SELECT a.attname AS name,
    a.attnum = ANY (t.tgattr) AS told,
    a.attnum = ANY (l.tgattr) AS locked,
    has_column_privilege('parley_runtime', a.attrelid, a.attnum, 'UPDATE') AS writable
FROM pg_attribute AS a
JOIN pg_trigger AS t ON t.tgrelid = a.attrelid AND t.tgname = 'zz_feed'
JOIN pg_trigger AS l ON l.tgrelid = a.attrelid AND l.tgname = 'feed_lock'
WHERE a.attrelid = 'conversations'::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
ROLLUPS = "SELECT column_name FROM rollups() WHERE parent = 'conversations'"


async def test_what_a_client_can_write_of_a_conversation_is_told(superuser: asyncpg.Connection) -> None:
    """A column that is added must be given to `feed_spares` too. Triggers write roll-ups, of which the feed tells."""
    rollups = {row["column_name"] for row in await superuser.fetch(ROLLUPS)}
    columns = {row["name"]: (row["told"], row["locked"], row["writable"]) for row in await superuser.fetch(TOLD)}
    assert {columns.pop(name) for name in rollups} == {(True, True, False)}
    assert {name for name, kept in columns.items() if kept != (True, True, True)} == {*KEPT_BY_TRIGGERS, *WRITTEN_ONCE}
    assert {columns[name] for name in (*KEPT_BY_TRIGGERS, *WRITTEN_ONCE)} == {(False, False, False)}


@pytest.mark.parametrize("column", [*KEPT_BY_TRIGGERS, *WRITTEN_ONCE])
async def test_a_client_cannot_write_what_triggers_tell_of(writer: Writer, column: str) -> None:
    before = await version(writer)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await writer.connection.execute(
            f"UPDATE conversations SET title = 'Mine', {column} = {column} WHERE user_id = $1",  # noqa: S608
            writer.user_id,
        )
    assert await version(writer) == before


async def test_a_recount_that_does_not_see_the_conversation_is_refused(
    writer: Writer, superuser: asyncpg.Connection
) -> None:
    """The superuser passes row-level security, and the trigger, which runs as the owner, does not."""
    await writer.connection.execute(ADD, writer.user_id, writer.conversation_id)
    delete = "UPDATE messages SET deleted_at = now() WHERE user_id = $1"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=f"user {writer.user_id}"):
        await superuser.execute(delete, writer.user_id)
    before = await version(writer)
    assert await writer.connection.execute(delete, writer.user_id) == "UPDATE 1"
    assert await version(writer) == before + 2
    assert await differences(superuser) == []


async def test_a_message_waits_for_the_feed_before_it_locks_its_conversation(
    writer: Writer, superuser: asyncpg.Connection
) -> None:
    """Else a writer that has the feed and wants the conversation, and this one, would wait for each other."""
    text = "UPDATE users SET full_name = 'Busy' WHERE user_id = $1"
    async with asyncio.timeout(20), writer.another.transaction():
        await writer.another.execute(text, writer.user_id)
        adding = asyncio.create_task(writer.connection.fetch(ADD, writer.user_id, writer.conversation_id))
        await until_waiting(superuser, writer.connection)
        free = "SELECT id FROM conversations WHERE user_id = $1 AND id = $2 FOR UPDATE NOWAIT"
        assert await writer.another.fetchval(free, writer.user_id, writer.conversation_id) == writer.conversation_id
    assert [row["seq"] for row in await adding] == [1]


@pytest.mark.parametrize("text", [DELETE, "UPDATE conversations SET id = uuid7() WHERE user_id = $1 AND id = $2"])
async def test_a_conversation_with_messages_keeps_its_key_and_stays(
    writer: Writer, superuser: asyncpg.Connection, text: str
) -> None:
    await writer.connection.execute(ADD, writer.user_id, writer.conversation_id)
    with pytest.raises(asyncpg.ForeignKeyViolationError) as error:
        await superuser.execute(text, writer.user_id, writer.conversation_id)
    assert (error.value.table_name, error.value.constraint_name) == ("messages", "messages_conversation_id_exists")
    await superuser.execute("DELETE FROM messages WHERE user_id = $1", writer.user_id)
    assert await superuser.execute(text, writer.user_id, writer.conversation_id) in ("DELETE 1", "UPDATE 1")


async def test_a_conversation_may_be_replaced_in_one_statement(writer: Writer, superuser: asyncpg.Connection) -> None:
    await writer.connection.execute(ADD, writer.user_id, writer.conversation_id)
    replaced = await superuser.execute(
        "WITH gone AS (DELETE FROM conversations WHERE user_id = $1 AND id = $2 RETURNING user_id, id)"
        " INSERT INTO conversations (user_id, id) SELECT user_id, id FROM gone",
        writer.user_id,
        writer.conversation_id,
    )
    assert replaced == "INSERT 0 1"


async def test_a_message_moves_to_a_conversation_that_exists(writer: Writer) -> None:
    await writer.connection.execute(ADD, writer.user_id, writer.conversation_id)
    with pytest.raises(asyncpg.ForeignKeyViolationError) as error:
        await writer.connection.execute(MOVE, writer.user_id, uuid.uuid4())
    assert (error.value.table_name, error.value.constraint_name) == ("messages", "messages_conversation_id_exists")
    other = await writer.connection.fetchval(NEW, writer.user_id)
    assert await writer.connection.execute(MOVE, writer.user_id, other) == "UPDATE 1"


async def test_a_deletion_waits_for_a_message_and_is_refused(writer: Writer, superuser: asyncpg.Connection) -> None:
    async with asyncio.timeout(20):
        async with writer.connection.transaction():
            await writer.connection.execute(ADD, writer.user_id, writer.conversation_id)
            deleting = asyncio.create_task(superuser.execute(DELETE, writer.user_id, writer.conversation_id))
            await until_waiting(writer.another, superuser)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await deleting


async def test_a_message_waits_for_a_deletion_and_is_refused(writer: Writer, superuser: asyncpg.Connection) -> None:
    async with asyncio.timeout(20):
        async with superuser.transaction():
            await superuser.execute(DELETE, writer.user_id, writer.conversation_id)
            adding = asyncio.create_task(writer.connection.execute(ADD, writer.user_id, writer.conversation_id))
            await until_waiting(writer.another, writer.connection)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await adding


async def test_a_deletion_with_an_old_snapshot_is_refused(writer: Writer, superuser: asyncpg.Connection) -> None:
    """It could not see the message that has come since."""
    await writer.connection.execute(ADD, writer.user_id, writer.conversation_id)
    other = await writer.connection.fetchval(NEW, writer.user_id)
    transaction = superuser.transaction(isolation="repeatable_read")
    await transaction.start()
    await superuser.fetch("SELECT FROM conversations")
    await writer.connection.execute(MOVE, writer.user_id, other)
    with pytest.raises(asyncpg.SerializationError):
        await superuser.execute(DELETE, writer.user_id, other)
    await transaction.rollback()


async def test_a_new_conversation_writes_to_the_feed_once(writer: Writer) -> None:
    updated = "SELECT pg_stat_get_xact_tuples_updated('feeds'::regclass)"
    async with writer.connection.transaction():
        number, writes = await version(writer), await writer.connection.fetchval(updated)
        id = await writer.connection.fetchval(NEW, writer.user_id)
        assert await writer.connection.fetchval(updated) == writes + 1
        (change,) = await writer.connection.fetch(FEED.replace("data", "data, at"), writer.user_id, 1)
        (row,) = await writer.connection.fetch("SELECT version, updated_at FROM conversations WHERE id = $1", id)
        assert tuple(change.values()) == (number + 1, "conversations", id, "insert", "{}", row["updated_at"])
        assert row["version"] == await version(writer) == number + 1


OLDER = """
CREATE OR REPLACE FUNCTION conversations_enter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT 'openai', 'gpt-4o-mini', NEW.active_at, 8192
    INTO NEW.provider, NEW.model, NEW.active_since, NEW.context_window;
    RETURN NEW;
END $$
"""


async def test_an_older_function_leaves_a_new_conversation_to_the_trigger_of_the_feed(
    writer: Writer, superuser: asyncpg.Connection
) -> None:
    """While a database is migrated, the triggers are new before the function is."""
    number = await version(writer)
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(OLDER)
        id = await superuser.fetchval(NEW, writer.user_id)
        (change,) = await superuser.fetch(FEED, writer.user_id, 1)
        assert tuple(change.values()) == (number + 1, "conversations", id, "insert", "{}")
    finally:
        await transaction.rollback()
