"""How many rows there can be: when they are counted, and what is said of one too many."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

TABLES = """
CREATE TABLE crates (user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7());
SELECT tenant_table('crates');
CREATE TABLE red_balls (
    user_id uuid, id uuid DEFAULT uuid7(), crate_id uuid NOT NULL, is_flat boolean NOT NULL DEFAULT false);
SELECT tenant_table('red_balls');
SELECT add_link('red_balls', 'crate_id', 'crates');
SELECT add_most('crates', 2);
SELECT add_most('red_balls', 2, within => 'crate_id', counted => 'NOT is_flat');
"""


class Owner:
    """A user whose rows a test writes, as the role that serves requests."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.id = uuid.uuid4()

    async def begin(self) -> None:
        await self.connection.execute("SELECT set_config('app.user_id', $1, true)", str(self.id))
        email = f"{self.id.hex}@example.org"
        await self.connection.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, $2)", self.id, email)

    async def crate(self, id: uuid.UUID | None = None) -> uuid.UUID:
        id = id or uuid.uuid4()
        await self.connection.execute("INSERT INTO crates (user_id, id) VALUES ($1, $2)", self.id, id)
        return id

    async def ball(self, crate: uuid.UUID, *, is_flat: bool = False) -> uuid.UUID:
        text = "INSERT INTO red_balls (user_id, crate_id, is_flat) VALUES ($1, $2, $3) RETURNING id"
        id: uuid.UUID = await self.connection.fetchval(text, self.id, crate, is_flat)
        return id

    async def change(self, table: str, id: uuid.UUID, **values: Any) -> None:
        for column, value in values.items():
            text = f"UPDATE {table} SET {column} = $3 WHERE user_id = $1 AND id = $2"  # noqa: S608
            await self.connection.execute(text, self.id, id, value)

    async def refused(self, writing: Any) -> tuple[str | None, str]:
        """The constraint and the message with which a write is refused."""
        transaction = self.connection.transaction()
        await transaction.start()
        with pytest.raises(asyncpg.CheckViolationError) as error:
            await writing
        await transaction.rollback()
        return error.value.constraint_name, error.value.args[0]


@pytest_asyncio.fixture(loop_scope="module")
async def someone(owner: asyncpg.Connection) -> AsyncIterator[Owner]:
    await owner.execute(TABLES)
    await owner.execute("SET LOCAL ROLE parley_runtime")
    made = Owner(owner)
    await made.begin()
    yield made


NOW = datetime.datetime.now(datetime.UTC)
CRATES = ("crates_most", "You can have at most 2 crates")
BALLS = ("red_balls_crate_id_most", "Each crate can have at most 2 red balls")


async def test_a_row_too_many_is_refused_and_a_deleted_one_does_not_count(someone: Owner) -> None:
    first, _ = await someone.crate(), await someone.crate()
    assert await someone.refused(someone.crate()) == CRATES
    await someone.change("crates", first, deleted_at=NOW)
    await someone.crate()
    assert await someone.refused(someone.change("crates", first, deleted_at=None)) == CRATES


async def test_what_is_there_already_is_reported_as_such(someone: Owner) -> None:
    id, _ = await someone.crate(), await someone.crate()
    with pytest.raises(asyncpg.UniqueViolationError):
        await someone.crate(id)


async def test_rows_are_counted_for_each_row_that_the_link_leads_to(someone: Owner) -> None:
    full, other = await someone.crate(), await someone.crate()
    for _ in range(2):
        await someone.ball(full)
    ball = await someone.ball(other)
    assert await someone.refused(someone.ball(full)) == BALLS
    assert await someone.refused(someone.change("red_balls", ball, crate_id=full)) == BALLS


async def test_a_row_that_does_not_meet_the_condition_counts_when_it_does(someone: Owner) -> None:
    crate = await someone.crate()
    for _ in range(2):
        await someone.ball(crate)
    flat = await someone.ball(crate, is_flat=True)
    assert await someone.refused(someone.change("red_balls", flat, is_flat=False)) == BALLS


async def test_other_changes_are_free_when_there_are_too_many_already(someone: Owner) -> None:
    crate = await someone.crate()
    first, second = [await someone.ball(crate) for _ in range(2)]
    await someone.connection.execute("RESET ROLE")
    await someone.connection.execute("SELECT add_most('red_balls', 1, within => 'crate_id', counted => 'NOT is_flat')")
    await someone.connection.execute("SET LOCAL ROLE parley_runtime")
    await someone.change("red_balls", first, updated_at=NOW, is_flat=True)
    await someone.change("red_balls", second, updated_at=NOW)


async def test_the_rows_of_one_statement_are_counted_together(someone: Owner) -> None:
    three = "INSERT INTO crates (user_id) SELECT $1::uuid FROM generate_series(1, 3)"
    assert await someone.refused(someone.connection.execute(three, someone.id)) == CRATES
