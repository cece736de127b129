"""The pool when there is no connection to be had: it says so soon, and it is itself again afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.pool import Pool
from gateway.errors import Overloaded, Unavailable
from tests.database import Database

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest_asyncio.fixture(loop_scope="module")
async def pool(database: Database) -> AsyncIterator[Pool]:
    made = await Pool.open(database.runtime_url, size=2, wait_seconds=0.1)
    yield made
    await made.close()


async def test_when_all_connections_are_busy_it_says_so(pool: Pool) -> None:
    taken = [await pool.take() for _ in range(2)]
    with pytest.raises(Overloaded):
        await pool.take()
    with pytest.raises(Overloaded):
        await pool.check()
    for connection in taken:
        await pool.release(connection)
    await pool.check()


async def test_while_no_connection_can_be_made_it_says_so_and_then_it_goes_on(pool: Pool, database: Database) -> None:
    pool._pool.set_connect_args(NOWHERE)
    await pool._pool.expire_connections()
    for _ in range(5):
        with pytest.raises(Unavailable):
            await pool.take()
        with pytest.raises(Unavailable):
            await pool.check()
    pool._pool.set_connect_args(database.runtime_url)
    await pool.check()


async def test_while_the_server_keeps_silent_it_is_the_server_that_is_blamed(pool: Pool) -> None:
    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as silent:
        host, port = silent.sockets[0].getsockname()
        pool._pool.set_connect_args(f"postgresql://nobody@{host}:{port}/nothing?sslmode=disable")
        await pool._pool.expire_connections()
        with pytest.raises(Unavailable):
            await pool.take()


async def test_a_connection_that_fails_when_it_is_given_back_is_replaced(pool: Pool) -> None:
    for _ in range(5):
        connection = await pool.take()
        await connection.execute("BEGIN")
        connection.terminate()
        await pool.release(connection)
    await pool.check()


async def test_connections_that_the_server_has_ended_are_replaced(pool: Pool, database: Database) -> None:
    superuser = await asyncpg.connect(database.owner_url)
    for _ in range(5):
        await superuser.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'parley'"
        )
        connection = await pool.take()
        await pool.release(connection)
    await superuser.close()


async def test_a_pool_that_is_closed_refuses_as_one_without_a_database(database: Database) -> None:
    pool = await Pool.open(database.runtime_url, size=1)
    await pool.close()
    await pool.close()
    with pytest.raises(Unavailable):
        await pool.take()


async def test_a_pool_whose_owner_is_cancelled_does_not_wait_for_those_who_use_it(database: Database) -> None:
    pool = await Pool.open(database.runtime_url, size=1)
    await pool.take()

    async def own() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await pool.close()

    owner = asyncio.create_task(own())
    await asyncio.sleep(0)
    owner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owner
