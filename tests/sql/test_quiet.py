"""Quiet tables: one act that writes many rows is one change in the feed, of their parent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.setup.roles import RUNTIME

TABLES = """
CREATE TABLE scrolls (user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7(), name text);
SELECT tenant_table('scrolls');
CREATE TABLE lines (user_id uuid, id uuid DEFAULT uuid7(), scroll_id uuid NOT NULL, text text);
ALTER TABLE lines ADD created_at timestamptz NOT NULL DEFAULT clock_timestamp(), ADD PRIMARY KEY (user_id, id);
SELECT add_link('lines', 'scroll_id', 'scrolls');
SELECT quiet_table('lines', told_by => 'scroll_id');
CREATE TABLE entries (user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7(), text text);
SELECT quiet_table('entries', without => '{deleted_at}', privileges => 'SELECT, INSERT');
"""
MANY = "INSERT INTO lines (user_id, scroll_id, text) SELECT $1, $2, n::text FROM generate_series(1, 1000) AS n"
FEED = "SELECT version, entity, entity_id, op FROM changes WHERE user_id = $1 AND version > $2 ORDER BY version"


@dataclass(slots=True)
class Reader:
    """A user with two scrolls, on a connection of the runtime role."""

    connection: asyncpg.Connection
    user_id: uuid.UUID
    scrolls: list[uuid.UUID]
    told: int = 0

    async def news(self) -> list[tuple[str, uuid.UUID, str]]:
        """What the feed has told since the last call."""
        rows = await self.connection.fetch(FEED, self.user_id, self.told)
        self.told = rows[-1]["version"] if rows else self.told
        return [(row["entity"], row["entity_id"], row["op"]) for row in rows]


@pytest_asyncio.fixture(loop_scope="module")
async def reader(owner: asyncpg.Connection) -> Reader:
    await owner.execute(TABLES)
    user_id = uuid.uuid4()
    await owner.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
    await owner.execute(f"SET LOCAL ROLE {RUNTIME}")
    await owner.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'scribe@example.org')", user_id)
    new = "INSERT INTO scrolls (user_id) VALUES ($1) RETURNING id"
    made = Reader(owner, user_id, [await owner.fetchval(new, user_id) for _ in range(2)])
    await made.news()
    return made


async def test_many_rows_are_one_change_of_their_parent(reader: Reader) -> None:
    first, second = reader.scrolls
    await reader.connection.execute(MANY, reader.user_id, first)
    assert await reader.news() == [("scrolls", first, "update")]
    assert await reader.connection.fetchval("SELECT min(version) = max(version) FROM lines") is True
    version = "SELECT l.version = s.version FROM lines AS l JOIN scrolls AS s ON s.id = l.scroll_id LIMIT 1"
    assert await reader.connection.fetchval(version) is True
    await reader.connection.execute("UPDATE lines SET scroll_id = $1 WHERE text::integer <= 10", second)
    assert sorted(await reader.news()) == sorted(("scrolls", id, "update") for id in reader.scrolls)
    await reader.connection.execute("UPDATE lines SET deleted_at = now() WHERE scroll_id = $1", second)
    assert await reader.news() == [("scrolls", second, "update")]


async def test_a_change_gives_a_row_another_version(reader: Reader) -> None:
    await reader.connection.execute(MANY, reader.user_id, reader.scrolls[0])
    old = await reader.connection.fetchval("SELECT version FROM lines LIMIT 1")
    changed = "UPDATE lines SET text = 'new' WHERE text = '7' AND version = $1 RETURNING version"
    assert await reader.connection.fetchval(changed, old) > old
    assert await reader.connection.fetchval(changed, old) is None


async def test_a_log_is_not_told_and_grows(reader: Reader) -> None:
    text = "INSERT INTO entries (user_id, text) SELECT $1, n::text FROM generate_series(1, 100) AS n"
    await reader.connection.execute(text, reader.user_id)
    assert await reader.news() == []
    assert await reader.connection.fetchval("SELECT count(*) FROM entries") == 100


async def test_strangers_see_nothing_of_it(reader: Reader) -> None:
    await reader.connection.execute(MANY, reader.user_id, reader.scrolls[0])
    await reader.connection.execute("SELECT set_config('app.user_id', $1, true)", str(uuid.uuid4()))
    assert await reader.connection.fetchval("SELECT count(*) FROM lines") == 0
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await reader.connection.execute(MANY, reader.user_id, reader.scrolls[0])


async def test_a_parent_that_is_no_link_is_refused(owner: asyncpg.Connection) -> None:
    await owner.execute("CREATE TABLE leaves (user_id uuid, id uuid DEFAULT uuid7(), tree_id uuid)")
    with pytest.raises(asyncpg.RaiseError, match=r"leaves.tree_id is not a link: call add_link\(\) for it first"):
        await owner.execute("SELECT quiet_table('leaves', told_by => 'tree_id')")
