"""Join tables without a count: both ends are told once by each statement; other users' rows are out of reach."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import asyncpg
import pytest_asyncio

from gateway.data.setup.roles import RUNTIME

TABLES = """
CREATE TABLE shelves (user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7());
SELECT tenant_table('shelves');
CREATE TABLE labels (user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7());
SELECT tenant_table('labels', without => '{deleted_at}');
SELECT join_table('shelf_labels', 'shelf_id', 'shelves', 'label_id', 'labels');
"""
FEED = "SELECT entity, entity_id AS id, op FROM changes WHERE user_id = tenant() AND version > $1 ORDER BY version"
CHANGE = "SELECT is_deleted, missing FROM change_shelf_labels($1, $2, $3)"


@dataclass(slots=True)
class Library:
    """A user with a shelf and three labels, on a connection of the runtime role."""

    connection: asyncpg.Connection
    shelf: uuid.UUID
    labels: list[uuid.UUID]
    seen: int = 0

    async def change(self, how: str, ids: list[uuid.UUID]) -> tuple[bool | None, list[int]]:
        row = await self.connection.fetchrow(CHANGE, self.shelf, ids, how)
        assert row is not None
        return row["is_deleted"], row["missing"]

    async def news(self) -> list[tuple[str, uuid.UUID, str]]:
        """What the feed has told since the last call, without the joins."""
        rows = await self.connection.fetch(FEED, self.seen)
        self.seen = await self.connection.fetchval("SELECT version FROM feeds WHERE user_id = tenant()")
        return sorted((row["entity"], row["id"], row["op"]) for row in rows if row["entity"] != "shelf_labels")

    async def joined(self) -> list[uuid.UUID]:
        text = "SELECT label_id FROM shelf_labels WHERE shelf_id = $1 ORDER BY created_at, label_id"
        return [row["label_id"] for row in await self.connection.fetch(text, self.shelf)]


async def stamp(connection: asyncpg.Connection, user_id: uuid.UUID) -> None:
    await connection.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))


@pytest_asyncio.fixture(loop_scope="module")
async def library(owner: asyncpg.Connection) -> Library:
    await owner.execute(TABLES)
    user_id = uuid.uuid4()
    await stamp(owner, user_id)
    await owner.execute(f"SET LOCAL ROLE {RUNTIME}")
    await owner.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'shelf@example.org')", user_id)
    shelf = await owner.fetchval("INSERT INTO shelves (user_id) VALUES ($1) RETURNING id", user_id)
    text = "INSERT INTO labels (user_id) SELECT $1 FROM generate_series(1, 3) RETURNING id"
    made = Library(owner, shelf, [row["id"] for row in await owner.fetch(text, user_id)])
    await made.news()
    return made


async def test_both_ends_are_told_once_by_each_statement(library: Library) -> None:
    one, two, three = library.labels
    assert await library.change("add", [two, one, two]) == (False, [])
    told = [("labels", one, "update"), ("labels", two, "update"), ("shelves", library.shelf, "update")]
    assert await library.news() == sorted(told)
    assert await library.joined() == [two, one]
    await library.change("remove", [one, three])
    assert await library.news() == sorted([("labels", one, "update"), ("shelves", library.shelf, "update")])
    for how, ids in (("add", [two]), ("remove", [one, three]), ("set", [two, two])):
        await library.change(how, ids)
        assert await library.news() == []


async def test_a_deleted_shelf_keeps_its_labels(library: Library) -> None:
    await library.change("set", library.labels)
    for value, is_deleted, living in (("now()", True, 0), ("NULL", False, 3)):
        await library.connection.execute(f"UPDATE shelves SET deleted_at = {value}")  # noqa: S608
        count = "SELECT count(*) FROM shelf_labels WHERE deleted_at IS NULL"
        assert await library.connection.fetchval(count) == living
        assert (await library.change("add", []))[0] is is_deleted
    assert await library.joined() == library.labels


async def test_nothing_of_another_user_is_found_or_changed(library: Library) -> None:
    mine = await library.connection.fetchval("SELECT tenant()")
    await library.change("add", library.labels[:1])
    stranger = uuid.uuid4()
    await stamp(library.connection, stranger)
    text = "INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'stranger@example.org')"
    await library.connection.execute(text, stranger)
    for how in ("add", "remove", "set"):
        assert await library.change(how, library.labels) == (None, [0, 1, 2])
    await stamp(library.connection, mine)
    assert await library.joined() == library.labels[:1]
