"""What a migration says of a plain table is all that it has to say."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.setup.catalogue import Column, Index, read_catalogue

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"


@pytest_asyncio.fixture(loop_scope="module")
async def owner(owner: asyncpg.Connection) -> asyncpg.Connection:
    """The owner's connection to a database with the table of notes under another name."""
    (found,) = re.findall(r"```sql\n(CREATE TABLE notes.*?)```", ARCHITECTURE.read_text(encoding="utf-8"), re.DOTALL)
    await owner.execute(found.replace("notes", "memos"))  # there may be notes already
    return owner


async def test_a_plain_table_has_the_usual_columns_and_indexes(owner: asyncpg.Connection) -> None:
    memos = (await read_catalogue(owner))["memos"]
    own = ["user_id", "id", "title", "body", "conversation_id", "is_pinned"]
    assert list(memos.columns) == [*own, "created_at", "updated_at", "deleted_at", "version", "request_hash"]
    assert memos.columns["user_id"] == memos.columns["id"] == Column("uuid", required=True)
    assert memos.carried == {"conversation_id"}
    assert set(memos.indexes) == {
        Index(("user_id", "id"), unique=True, condition=None),
        Index(("user_id", "conversation_id", "created_at", "id"), unique=False, condition=None),
        Index(("user_id", "deleted_at", "id"), unique=False, condition="(deleted_at IS NOT NULL)"),
    }


async def test_a_plain_table_is_in_the_feed_and_behind_a_policy(owner: asyncpg.Connection) -> None:
    user_id = uuid.uuid4()
    await owner.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
    await owner.execute("SET LOCAL ROLE parley_runtime")
    await owner.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'notes@example.org')", user_id)
    note = await owner.fetchval("INSERT INTO memos (user_id, body) VALUES ($1, 'Buy milk') RETURNING id", user_id)
    told = await owner.fetchrow("SELECT entity, op FROM changes WHERE entity_id = $1", note)
    assert told is not None
    assert tuple(told) == ("memos", "insert")
    await owner.execute("SELECT set_config('app.user_id', $1, true)", str(uuid.uuid4()))
    assert await owner.fetchval("SELECT count(*) FROM memos") == 0


async def test_a_plain_table_has_words_for_what_it_refuses(owner: asyncpg.Connection) -> None:
    user_id = uuid.uuid4()
    await owner.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
    await owner.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'notes@example.org')", user_id)
    words = (
        "SELECT conname, obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conrelid = 'memos'::regclass"
        " AND obj_description(oid, 'pg_constraint') IS NOT NULL"
    )
    assert dict([tuple(row) for row in await owner.fetch(words)]) == {
        "memos_title_length": "A title has at most 200 characters.",
        "memos_body_length": "A body has at most 20000 characters.",
        "memos_conversation_id_exists": "There is no such conversation.",
    }
    with pytest.raises(asyncpg.ForeignKeyViolationError) as refused:
        await owner.execute(
            "INSERT INTO memos (user_id, body, conversation_id) VALUES ($1, 'x', $2)", user_id, uuid.uuid4()
        )
    assert refused.value.constraint_name == "memos_conversation_id_exists"


async def test_another_link_keeps_what_was_declared_of_the_first(owner: asyncpg.Connection) -> None:
    await owner.execute("""
        SELECT keep_links('memos', within => '{conversation_id}');
        ALTER TABLE memos ADD COLUMN parent_id uuid;
        SELECT add_link('memos', 'parent_id', 'memos', order_by => NULL);
    """)
    source = await owner.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'memos_links'")
    assert "memos_id_within" in source
    assert "memos_parent_id_circle" in source


async def test_a_rank_is_the_place_of_a_value_among_the_members(owner: asyncpg.Connection) -> None:
    await owner.execute("""
        ALTER TABLE memos ADD COLUMN mood text, ADD COLUMN size text NOT NULL DEFAULT 'small';
        SELECT add_rank('memos', 'mood', '{sad,"so so",glad}');
        SELECT add_rank('memos', 'size', '{small,large}');
    """)
    columns = (await read_catalogue(owner))["memos"].columns
    assert (columns["mood_rank"].type, columns["mood_rank"].required) == ("smallint", False)
    assert (columns["size_rank"].type, columns["size_rank"].required) == ("smallint", True)
    user_id = uuid.uuid4()
    await owner.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
    await owner.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'notes@example.org')", user_id)
    insert = "INSERT INTO memos (user_id, body, mood) VALUES ($1, 'x', $2) RETURNING mood_rank, size_rank"
    ranks = [tuple(await owner.fetchrow(insert, user_id, mood) or ()) for mood in ("glad", "so so", "sad", None)]
    assert ranks == [(3, 1), (2, 1), (1, 1), (None, 1)]
    update = "UPDATE memos SET size = 'large', mood = 'sad' WHERE mood = 'glad' RETURNING mood_rank, size_rank"
    assert tuple(await owner.fetchrow(update) or ()) == (1, 2)
