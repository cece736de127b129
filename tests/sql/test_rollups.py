"""Roll-ups equal a recount whatever a statement does, and change each parent once; wrong declarations are refused."""

from __future__ import annotations

import random
import re
import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.rows import differences

TABLES = """
CREATE TABLE shelves (
    user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7(),
    books integer NOT NULL DEFAULT 0, pages bigint NOT NULL DEFAULT 0, last_book_id uuid, bought_at timestamptz
);
SELECT tenant_table('shelves');
CREATE TABLE books (
    user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7(), shelf_id uuid, pages integer, note text,
    bought_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT tenant_table('books');
SELECT add_link('books', 'shelf_id', 'shelves', order_by => 'bought_at, id');
SELECT keep_links('books', within => '{shelf_id}');
SELECT add_removal('books');
SELECT add_rollup('shelves', 'books', of => 'books', by => 'shelf_id');
SELECT add_rollup('shelves', 'pages', of => 'books', by => 'shelf_id', sum => 'pages');
SELECT add_rollup('shelves', 'last_book_id', of => 'books', by => 'shelf_id', last => 'id', in_order => 'bought_at');
SELECT add_rollup('shelves', 'bought_at', of => 'books', by => 'shelf_id', last => 'bought_at',
    in_order => 'bought_at');
"""

SHELF = "SELECT books, pages, last_book_id, version FROM shelves WHERE id = $1"
BUY = (
    "INSERT INTO books (user_id, shelf_id, pages) SELECT tenant(), $1, n FROM generate_series(1, $2) AS n RETURNING id"
)
TOLD = "SELECT op FROM changes WHERE entity = 'shelves' AND version > $1 ORDER BY version"


@dataclass(frozen=True, slots=True)
class Library:
    """A connection of the serving role in a transaction that is undone, stamped for a user with two shelves."""

    connection: asyncpg.Connection
    shelves: list[uuid.UUID]

    async def shelf(self, number: int = 0) -> asyncpg.Record:
        row = await self.connection.fetchrow(SHELF, self.shelves[number])
        assert row is not None
        return row

    async def buy(self, count: int, shelf: int = 0) -> list[uuid.UUID]:
        """Add books to a shelf with one statement, with 1, 2, 3 … pages."""
        return [row["id"] for row in await self.connection.fetch(BUY, self.shelves[shelf], count)]

    async def version(self) -> int:
        """The version of the user's feed."""
        return int(await self.connection.fetchval("SELECT version FROM feeds WHERE user_id = tenant()"))

    async def told(self, after: int) -> list[str]:
        """The changes of shelves in the feed after a version."""
        return [row["op"] for row in await self.connection.fetch(TOLD, after)]

    async def differences(self) -> list[dict[str, Any]]:
        """The sums that differ from a recount."""
        await self.connection.execute("RESET ROLE")
        try:
            return await differences(self.connection)
        finally:
            await self.connection.execute("SET LOCAL ROLE parley_runtime")


@pytest_asyncio.fixture(loop_scope="module")
async def library(owner: asyncpg.Connection) -> Library:
    await owner.execute(TABLES)
    user_id = uuid.uuid4()
    await owner.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
    await owner.execute("SET LOCAL ROLE parley_runtime")
    await owner.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'books@example.org')", user_id)
    made = "INSERT INTO shelves (user_id) SELECT $1 FROM generate_series(1, 2) RETURNING id"
    return Library(owner, [row["id"] for row in await owner.fetch(made, user_id)])


async def test_a_statement_changes_each_parent_once_and_tells_it_once(library: Library) -> None:
    before = await library.version()
    ids = await library.buy(200)
    shelf = await library.shelf()
    assert (shelf["books"], shelf["pages"], shelf["last_book_id"]) == (200, 20_100, ids[-1])
    assert await library.told(before) == ["update"]
    assert shelf["version"] == await library.version() == before + 201
    move = "UPDATE books SET shelf_id = $1 WHERE pages <= 10"
    await library.connection.execute(move, library.shelves[1])
    assert [(await library.shelf(n))["books"] for n in (0, 1)] == [190, 10]
    assert await library.told(shelf["version"]) == ["update", "update"]


async def test_a_write_that_changes_no_value_leaves_the_parent_alone(library: Library) -> None:
    await library.buy(3)
    before = await library.shelf()
    await library.connection.execute("UPDATE books SET note = 'Read it'")
    await library.connection.execute("UPDATE books SET pages = pages + (ARRAY[1, 0, -1])[pages]")
    await library.connection.execute(BUY, None, 1)
    assert await library.shelf() == before


async def test_the_last_row_is_followed_by_the_one_before(library: Library) -> None:
    first, second, third = await library.buy(3)
    await library.connection.execute("UPDATE books SET deleted_at = now() WHERE id = $1", third)
    assert (await library.shelf())["last_book_id"] == second
    await library.connection.execute("SELECT remove_books(ARRAY[$1::uuid])", second)
    assert (await library.shelf())["last_book_id"] == first
    await library.connection.execute("UPDATE books SET deleted_at = NULL WHERE id = $1", third)
    assert (await library.shelf())["last_book_id"] == third
    await library.connection.execute("UPDATE books SET bought_at = now() - interval '1 day' WHERE id = $1", third)
    assert (await library.shelf())["last_book_id"] == first
    await library.connection.execute("SELECT remove_books(ARRAY(SELECT id FROM books))")
    shelf = await library.shelf()
    assert (shelf["books"], shelf["pages"], shelf["last_book_id"]) == (0, 0, None)


async def test_a_parent_that_is_deleted_with_its_rows_keeps_its_roll_ups(library: Library) -> None:
    ids = await library.buy(3)
    await library.connection.execute("UPDATE books SET deleted_at = now() - interval '1 day' WHERE id = $1", ids[2])
    for value in ("now()", "NULL"):
        version = await library.connection.fetchval(
            f"UPDATE shelves SET deleted_at = {value} WHERE id = $1 RETURNING version",  # noqa: S608
            library.shelves[0],
        )
        shelf = await library.shelf()
        assert (shelf["books"], shelf["pages"], shelf["last_book_id"], shelf["version"]) == (2, 3, ids[1], version)
        assert await library.differences() == []
    left = await library.connection.fetchval("SELECT count(*) FROM books WHERE deleted_at IS NULL")
    assert left == 2


STEPS = (
    "INSERT INTO books (user_id, shelf_id, pages) SELECT tenant(), $1, n FROM generate_series(2, {m} + 5) AS n",
    "UPDATE books SET pages = coalesce(pages, 0) + {m} WHERE shelf_id = $1 AND pages % 2 = {n} % 2",
    "UPDATE books SET shelf_id = $1 WHERE pages % 5 = {n}",
    "UPDATE books SET shelf_id = NULL, deleted_at = NULL WHERE pages % 3 = {n} % 3 AND shelf_id = $1",
    "UPDATE books SET deleted_at = clock_timestamp() WHERE deleted_at IS NULL AND shelf_id = $1 AND pages % 5 = {n}",
    "UPDATE books SET deleted_at = NULL WHERE shelf_id = $1 AND pages % 5 <= {n}",
    "UPDATE books SET bought_at = bought_at - {m} * interval '1 minute' WHERE shelf_id = $1 AND pages % 3 = {n} % 3",
    "UPDATE shelves SET deleted_at = clock_timestamp() WHERE id = $1 AND deleted_at IS NULL AND {n} = {m}",
    "UPDATE shelves SET deleted_at = NULL WHERE id = $1",
    "SELECT remove_books(ARRAY(SELECT id FROM books WHERE shelf_id = $1 AND pages % 5 = {n}))",
)
"""Statements with a shelf, a number `n` from 0 to 4, and a number `m` from 1 to 4."""


@pytest.mark.parametrize("seed", range(3))
async def test_roll_ups_equal_a_recount_after_each_random_statement(library: Library, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    done = dict.fromkeys(STEPS, 0)
    for _ in range(150):
        step, shelf = chance.choice(STEPS), chance.choice(library.shelves)
        text = step.format(n=chance.randrange(5), m=chance.randint(1, 4))
        try:
            async with library.connection.transaction():
                status = await library.connection.execute(text, shelf)
        except (asyncpg.CheckViolationError, asyncpg.ForeignKeyViolationError):
            continue  # nothing is written into what is deleted
        done[step] += not status.endswith(" 0")
        assert await library.differences() == [], text
    assert all(done.values()), done


async def test_only_triggers_write_roll_ups(library: Library) -> None:
    for text in (
        "UPDATE shelves SET books = 9",
        "INSERT INTO shelves (user_id, books) VALUES (tenant(), 9)",
        "DELETE FROM books",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with library.connection.transaction():
                await library.connection.execute(text)


async def test_rows_of_another_user_are_not_removed(library: Library) -> None:
    ids = await library.buy(2)
    mine = await library.connection.fetchval("SELECT tenant()::text")
    await library.connection.execute("SELECT set_config('app.user_id', $1, true)", str(uuid.uuid4()))
    assert await library.connection.fetch("SELECT remove_books($1)", ids) == []
    await library.connection.execute("SELECT set_config('app.user_id', $1, true)", mine)
    before = await library.version()
    removed = await library.connection.fetch("SELECT remove_books($1)", [*ids, uuid.uuid4()])
    assert {row["remove_books"] for row in removed} == set(ids)
    told = "SELECT op FROM changes WHERE entity = 'books' AND version > $1"
    assert [row["op"] for row in await library.connection.fetch(told, before)] == ["purge", "purge"]


async def test_a_write_that_does_not_see_the_parent_is_refused(library: Library) -> None:
    """The superuser passes row-level security, and the trigger, which runs as the owner, does not."""
    await library.buy(1)
    await library.connection.execute("RESET ROLE")
    await library.connection.execute("SELECT set_config('app.user_id', '', true)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"to change books of user .*, set app\.user_id"):
        await library.connection.execute("UPDATE books SET deleted_at = now()")


async def test_a_roll_up_begins_with_the_rows_that_exist(library: Library) -> None:
    await library.buy(4)
    await library.buy(2, shelf=1)
    await library.connection.execute("SET LOCAL ROLE parley_owner")
    await library.connection.execute("ALTER TABLE shelves ADD thick integer NOT NULL DEFAULT 0")
    await library.connection.execute(
        "SELECT add_rollup('shelves', 'thick', of => 'books', by => 'shelf_id', sum => '(pages > 1)::integer')"
    )
    assert [row["thick"] for row in await library.connection.fetch("SELECT thick FROM shelves ORDER BY thick")] == [
        1,
        3,
    ]
    await library.connection.execute("SET LOCAL ROLE parley_runtime")
    await library.buy(2)
    assert await library.differences() == []


async def test_the_calls_that_made_the_functions_make_the_same_again(library: Library) -> None:
    await library.connection.execute("SET LOCAL ROLE parley_owner")
    found = """
        SELECT pg_get_functiondef(oid), obj_description(oid, 'pg_proc') FROM pg_proc
        WHERE proname = 'books_rollup_shelf'
    """
    before = await library.connection.fetchrow(found)
    assert before is not None
    await library.connection.execute(before[1].removeprefix("Made by "))
    assert await library.connection.fetchrow(found) == before


WRONG = {
    "of => 'books', by => 'shelf_id', sum => 'pages', last => 'id'": "is a sum and a last value: name one",
    "of => 'books', by => 'owner_id'": r"needs a foreign key: SELECT add_link('books', 'owner_id', 'shelves') first",
    "of => 'books', by => 'shelf_id', last => 'id', in_order => 'pages'": "must be a column that is NOT NULL",
    "of => 'books', by => 'shelf_id', last => 'id', in_order => 'created_at'": (
        "would read all rows of a parent: CREATE INDEX ON books (user_id, shelf_id, created_at, id)"
    ),
    "of => 'books', by => 'shelf_id', sum => 'weight'": 'column "weight" does not exist',
}


@pytest.mark.parametrize("call", WRONG)
async def test_a_wrong_roll_up_is_refused(library: Library, call: str) -> None:
    await library.connection.execute("SET LOCAL ROLE parley_owner")
    column = "spare_id" if "last" in call else "spare"
    await library.connection.execute("ALTER TABLE shelves ADD spare integer NOT NULL DEFAULT 0, ADD spare_id uuid")
    with pytest.raises(asyncpg.PostgresError, match=re.escape(WRONG[call])):
        await library.connection.execute(f"SELECT add_rollup('shelves', '{column}', {call})")


@pytest.mark.parametrize(
    ("column", "last", "refusal"),
    [
        ("absent", False, "needs an ordinary column: ALTER TABLE shelves ADD COLUMN absent"),
        ("spare integer", False, "declare the column NOT NULL DEFAULT 0"),
        ("spare double precision NOT NULL DEFAULT 0", False, "make the column numeric"),
        ("spare uuid NOT NULL DEFAULT uuid7()", True, "drop NOT NULL"),
    ],
)
async def test_a_column_that_cannot_hold_a_roll_up_is_refused(
    library: Library, column: str, last: bool, refusal: str
) -> None:
    await library.connection.execute("SET LOCAL ROLE parley_owner")
    if " " in column:
        await library.connection.execute(f"ALTER TABLE shelves ADD {column}")
    of = "of => 'books', by => 'shelf_id'" + (", last => 'id', in_order => 'bought_at'" if last else "")
    with pytest.raises(asyncpg.RaiseError, match=re.escape(refusal)):
        await library.connection.execute(f"SELECT add_rollup('shelves', '{column.split()[0]}', {of})")


async def test_counts_of_several_tables_share_a_column_and_last_values_do_not(library: Library) -> None:
    await library.buy(2)
    await library.connection.execute("""
        SET LOCAL ROLE parley_owner;
        CREATE TABLE lamps (user_id uuid, id uuid DEFAULT uuid7(), shelf_id uuid NOT NULL);
        SELECT tenant_table('lamps');
        SELECT add_link('lamps', 'shelf_id', 'shelves');
        SET LOCAL ROLE parley_runtime;
    """)
    light = "INSERT INTO lamps (user_id, shelf_id) SELECT tenant(), $1 FROM generate_series(1, 3)"
    await library.connection.execute(light, library.shelves[0])
    await library.connection.execute("SET LOCAL ROLE parley_owner")
    await library.connection.execute("SELECT add_rollup('shelves', 'books', of => 'lamps', by => 'shelf_id')")
    await library.connection.execute("SET LOCAL ROLE parley_runtime")
    assert (await library.shelf())["books"] == 5
    await library.connection.execute(light, library.shelves[0])
    await library.buy(1)
    assert (await library.shelf())["books"] == 9
    assert await library.differences() == []
    await library.connection.execute("SET LOCAL ROLE parley_owner")
    with pytest.raises(asyncpg.RaiseError, match="already a roll-up of another table or key, and only counts and sums"):
        await library.connection.execute(
            "SELECT add_rollup('shelves', 'last_book_id', of => 'lamps', by => 'shelf_id', last => 'id')"
        )


async def test_rows_that_others_refer_to_have_no_removal(library: Library) -> None:
    await library.connection.execute("SET LOCAL ROLE parley_owner")
    with pytest.raises(asyncpg.RaiseError, match="rows of shelves cannot be removed by id, because rows of books"):
        await library.connection.execute("SELECT add_removal('shelves')")
