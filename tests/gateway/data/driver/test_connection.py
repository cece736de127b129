"""A connection's short way: whoever a statement is sent for is stamped, whatever came before and goes wrong."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.driver.connecting import connected
from gateway.data.driver.connection import _ARRAYS, StampedConnection
from gateway.data.driver.primary import Primary
from gateway.data.driver.stamp import Stamp
from tests.kit.database import Database
from tests.kit.giving_up import MOMENTS, Moment, at_every_await

IDLE = """
    SELECT state = 'idle' AND xact_start IS NULL AND NOT EXISTS (SELECT FROM pg_locks WHERE pid = $1)
    FROM pg_stat_activity WHERE pid = $1
"""
"""Whether the server has nothing to do for a connection, and keeps nothing for it."""

WHO = (
    "SELECT current_setting('app.user_id') AS user_id, current_setting('app.session_id') AS session_id,"
    " current_setting('app.actor') AS actor, 10 / $1::int AS quotient"
)


@pytest_asyncio.fixture(loop_scope="module")
async def connection(database: Database) -> AsyncIterator[StampedConnection]:
    """A connection that knows the statement, and knows how to stamp."""
    made = await connected(Primary(database.runtime_url), 10)
    await made.fetch(WHO, 1, stamp=caller())
    yield made
    made.terminate()


def caller() -> Stamp:
    return Stamp(uuid.uuid4(), uuid.uuid4(), "agent")


async def check(connection: StampedConnection, stamp: Stamp) -> None:
    """The statement is sent as this caller."""
    (row,) = await connection.fetch(WHO, 1, stamp=stamp)
    assert tuple(row)[:3] == (str(stamp.user_id), str(stamp.credential_id), stamp.actor)
    assert connection.stamped_for == stamp
    assert connection.is_clean()


async def test_a_stamp_goes_with_the_statement(connection: StampedConnection) -> None:
    callers = [caller() for _ in range(3)]
    for stamp in callers * 3:
        before = connection._protocol.queries_count
        await check(connection, stamp)
        await check(connection, stamp)
        assert connection._protocol.queries_count == before + 2
    nobody = Stamp(uuid.uuid4(), None, "user")
    (row,) = await connection.fetch(WHO, 1, stamp=nobody)
    assert row["session_id"] == ""


async def test_the_first_stamp_and_the_first_statement_are_sent_one_after_the_other(database: Database) -> None:
    fresh = await connected(Primary(database.runtime_url), 10)
    await check(fresh, caller())
    await check(fresh, caller())
    await fresh.close()


async def test_a_statement_that_fails_takes_its_stamp_back(connection: StampedConnection) -> None:
    for _ in range(3):
        stamp = caller()
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.fetch(WHO, 0, stamp=stamp)
        assert connection.stamped_for is None
        await check(connection, stamp)


async def test_a_statement_that_fails_under_a_stamp_of_before_leaves_it(connection: StampedConnection) -> None:
    stamp = caller()
    await check(connection, stamp)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connection.fetch(WHO, 0, stamp=stamp)
    assert await connection.fetchval("SELECT current_setting('app.user_id')") == str(stamp.user_id)
    await check(connection, stamp)


async def test_a_stamp_stays_behind_with_a_statement_that_the_driver_refuses(connection: StampedConnection) -> None:
    with pytest.raises(asyncpg.DataError):
        await connection.fetch(WHO, "no number", stamp=caller())
    assert connection.stamped_for is None
    assert connection.is_clean()
    await check(connection, caller())


async def test_arguments_that_are_refused_do_no_harm_without_a_stamp(connection: StampedConnection) -> None:
    stamp = caller()
    await check(connection, stamp)
    with pytest.raises(asyncpg.DataError):
        await connection.fetch(WHO, "no number", stamp=stamp)
    await check(connection, stamp)


async def test_a_statement_that_is_cancelled_leaves_no_stamp_to_trust(connection: StampedConnection) -> None:
    text = "SELECT pg_sleep($1)"
    await connection.fetch(text, 0, stamp=caller())
    for _ in range(5):
        task = asyncio.create_task(connection.fetch(text, 60, stamp=caller()))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert connection.stamped_for is None
        assert not connection.is_clean()
        # Also before the cancelling has ended.
        await check(connection, caller())


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("method", ["fetch", "fetchrow", "fetch_each", "execute", "stamp_with"])
async def test_a_connection_is_at_rest_only_if_the_server_is(
    connection: StampedConnection, database: Database, method: str, moment: Moment
) -> None:
    superuser = await asyncpg.connect(database.owner_url)

    async def work() -> None:
        match method:
            case "fetch_each":
                await connection.fetch_each(WHO, [(caller(), [1]), (caller(), [2])], hurries=True)
            case "stamp_with":
                await connection.stamp_with(caller())
            case "execute":
                await connection.execute("BEGIN")
            case _:
                await getattr(connection, method)(WHO, 1, stamp=caller())

    async def check_rest() -> None:
        nonlocal connection
        if connection.is_closed():  # a stamp that was given up may have been set
            connection = await connected(Primary(database.runtime_url), 10)
        is_idle = await superuser.fetchval(IDLE, connection.get_server_pid())
        assert is_idle or not connection.is_clean()
        await connection.clean_up()
        assert connection.is_clean()
        assert await superuser.fetchval(IDLE, connection.get_server_pid())
        await check(connection, caller())
        connection._stmt_cache.clear()

    assert await at_every_await(work, moment, after=check_rest) > 0
    connection.terminate()
    await superuser.close()


@pytest.mark.parametrize("method", ["fetch", "fetchrow"])
async def test_a_connection_is_not_at_rest_when_the_driver_has_prepared_and_refuses_the_arguments(
    connection: StampedConnection, database: Database, method: str
) -> None:
    superuser = await asyncpg.connect(database.owner_url)
    ask: Any = getattr(connection, method)
    with pytest.raises(asyncpg.DataError):
        await ask("SELECT $1::int AS number FROM pg_class", "no number")
    assert not connection.is_clean()
    await connection.clean_up()
    assert connection.is_clean()
    assert await superuser.fetchval(IDLE, connection.get_server_pid())
    await superuser.close()


async def test_a_stamp_that_cannot_be_set_ends_the_connection(connection: StampedConnection) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await connection.stamp_with((uuid.uuid4(), None, "\0"))
    assert connection.is_closed()


async def test_two_statements_at_once_are_a_mistake_that_sends_nothing(connection: StampedConnection) -> None:
    text = "SELECT pg_sleep($1)"
    stamp = caller()
    await connection.fetch(text, 0, stamp=stamp)
    task = asyncio.create_task(connection.fetch(text, 60))
    await asyncio.sleep(0)
    with pytest.raises(asyncpg.InterfaceError):
        await connection.fetch(WHO, 1)
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await check(connection, stamp)


async def test_a_changed_table_is_read_as_it_is_now(connection: StampedConnection, database: Database) -> None:
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("CREATE SCHEMA changing; GRANT USAGE ON SCHEMA changing TO PUBLIC")
    await owner.execute("CREATE TABLE changing.notes AS SELECT 1 AS a; GRANT SELECT ON changing.notes TO PUBLIC")
    other = await connected(Primary(database.runtime_url), 10)
    connection.siblings = other.siblings = {connection, other}
    text = "SELECT * FROM changing.notes"
    for each in (connection, other):
        await each.fetch(text)
        await each.fetchrow(text)

    await owner.execute("ALTER TABLE changing.notes ADD COLUMN b int DEFAULT 2")
    stamp = caller()
    assert [tuple(row) for row in await connection.fetch(text, stamp=stamp)] == [(1, 2)]
    await check(connection, stamp)
    # In a transaction nothing can be sent again, but the others have been told.
    async with other.transaction():
        assert tuple(await other.fetchrow(text)) == (1, 2)

    await owner.execute("ALTER TABLE changing.notes ADD COLUMN c int DEFAULT 3")
    assert tuple(await connection.fetchrow(text)) == (1, 2, 3)
    await other.fetch(text)

    await owner.execute("ALTER TABLE changing.notes ADD COLUMN d int DEFAULT 4")
    with pytest.raises(asyncpg.InvalidCachedStatementError):
        async with connection.transaction():
            await connection.fetchrow(text)
    async with connection.transaction():
        assert tuple(await connection.fetchrow(text)) == (1, 2, 3, 4)
    await other.close()
    await owner.close()


async def test_the_types_of_parameters_are_not_looked_up(database: Database) -> None:
    fresh = await connected(Primary(database.runtime_url), 10)
    sent: list[str] = []
    fresh.add_query_logger(lambda record: sent.append(record.query))
    keys, text = [uuid.uuid4()], "SELECT $1::uuid[], $2::text[], $3::bigint[]"
    assert tuple(await fresh.fetchrow(text, keys, ["a", None], [1])) == (keys, ["a", None], [1])
    await asyncio.sleep(0)
    assert sent == [text]
    catalog = "SELECT oid::int, typarray::int FROM pg_type WHERE oid = $1::regtype"
    for name, oids in _ARRAYS.items():
        assert tuple(await fresh.fetchrow(catalog, name)) == oids
    await fresh.close()


async def test_statements_are_told_of_that_go_the_short_way(connection: StampedConnection) -> None:
    sent: list[tuple[str, tuple[object, ...]]] = []
    connection.add_query_logger(lambda record: sent.append((record.query, record.args)))
    await check(connection, caller())
    await asyncio.sleep(0)
    assert sent == [(WHO, (1,))]


async def test_a_row_is_given_as_the_driver_gives_it(connection: StampedConnection) -> None:
    text = "SELECT n FROM generate_series(1, $1) AS n"
    for most, first in ((0, None), (1, 1), (3, 1), (0, None)):
        row = await connection.fetchrow(text, most)
        assert (row and row["n"]) == first
