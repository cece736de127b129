"""The pool: who gets which connection, what happens to those that are lost, and when there is none to be had."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from gateway.data.pool import Pool, PoolCounts
from gateway.errors import Overloaded, Unavailable
from tests.gateway.data.pools import NOWHERE, Server, stamp, waiting
from tests.kit.database import Database

OURS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'parley'"


# --- who gets one


async def test_a_caller_gets_the_connection_that_is_stamped_for_it(pool: Pool) -> None:
    stamps = [stamp(), stamp()]
    taken = [await pool.take(each) for each in stamps]
    for connection, each in zip(taken, stamps, strict=True):
        await connection.stamp_with(each)
        await pool.release(connection)
    for n in (0, 0, 1, 0, 1):
        connection = await pool.take(stamps[n])
        assert connection is taken[n]
        await pool.release(connection)


async def test_a_caller_without_one_gets_the_longest_unused(pool: Pool) -> None:
    first, second = [await pool.take() for _ in range(2)]
    await second.stamp_with(stamp())
    await first.stamp_with(stamp())
    await pool.release(second)
    await pool.release(first)
    assert await pool.take(stamp()) is second
    await pool.release(second)


async def test_those_who_wait_are_served_in_the_order_in_which_they_came(patient: Pool) -> None:
    connection = await patient.take()
    tasks = await waiting(patient, "first", "second", "third")
    for name in tasks:
        await patient.release(connection)
        # Whoever comes now comes last, and finds nothing in between.
        late = asyncio.create_task(patient.take())
        assert await tasks[name] is connection
        assert not late.done()
        late.cancel()
    await patient.release(connection)


async def test_one_who_gives_up_waiting_is_passed_over(patient: Pool) -> None:
    connection = await patient.take()
    tasks = await waiting(patient, "first", "second")
    tasks["first"].cancel()
    await patient.release(connection)
    assert await tasks["second"] is connection
    await patient.release(connection)


async def test_one_who_is_cancelled_when_served_leaves_the_connection_to_the_next(patient: Pool) -> None:
    connection = await patient.take()
    tasks = await waiting(patient, "first", "second")
    await patient.release(connection)
    tasks["first"].cancel()
    assert await tasks["second"] is connection
    assert tasks["first"].cancelled()
    await patient.release(connection)


async def test_no_more_connections_than_its_size_are_made(server: Server, superuser: asyncpg.Connection) -> None:
    pool = Pool(server.connect, size=3, wait_seconds=30)

    async def use() -> int:
        async with pool.connection() as connection:
            return int(await connection.fetchval("SELECT pg_backend_pid()"))

    assert len(set(await asyncio.gather(*(use() for _ in range(50))))) == server.made == 3
    assert await superuser.fetchval(f"SELECT count(*) {OURS}") == 3
    await pool.close()


async def test_when_all_connections_are_busy_it_says_so(pool: Pool) -> None:
    taken = [await pool.take() for _ in range(2)]
    with pytest.raises(Overloaded):
        await pool.take()
    with pytest.raises(Overloaded):
        await pool.check()
    for connection in taken:
        await pool.release(connection)
    await pool.check()


async def test_all_who_wait_too_long_are_turned_away(pool: Pool) -> None:
    taken = [await pool.take() for _ in range(2)]
    refused = await asyncio.gather(*(pool.take() for _ in range(5)), return_exceptions=True)
    assert [type(each) for each in refused] == [Overloaded] * 5
    for connection in taken:
        await pool.release(connection)


# --- what is lost


async def test_while_no_connection_can_be_made_it_says_so_and_then_it_goes_on(
    pool: Pool, server: Server, database: Database
) -> None:
    server.url = NOWHERE
    for _ in range(5):
        with pytest.raises(Unavailable):
            await pool.take()
        with pytest.raises(Unavailable):
            await pool.check()
    server.url = database.runtime_url
    await pool.check()


async def test_while_the_server_keeps_silent_it_is_the_server_that_is_blamed(pool: Pool, server: Server) -> None:
    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as silent:
        host, port = silent.sockets[0].getsockname()
        server.url = f"postgresql://nobody@{host}:{port}/nothing?sslmode=disable"
        # More than there is room for: some wait for a connection, and some for the room to make one.
        refused = await asyncio.gather(*(pool.take() for _ in range(5)), return_exceptions=True)
        assert [type(each) for each in refused] == [Unavailable] * 5


async def test_one_who_gives_up_connecting_leaves_the_room_to_the_next(server: Server, database: Database) -> None:
    pool = Pool(server.connect, size=1, wait_seconds=30)
    accepted = asyncio.Event()

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as silent:
        host, port = silent.sockets[0].getsockname()
        server.url = f"postgresql://nobody@{host}:{port}/nothing?sslmode=disable"
        tasks = await waiting(pool, "first", "second")
        await accepted.wait()
        server.url = database.runtime_url
        tasks["first"].cancel()
        await pool.release(await tasks["second"])
    await pool.close()


async def test_a_connection_that_fails_when_it_is_given_back_is_replaced(pool: Pool) -> None:
    for _ in range(5):
        connection = await pool.take()
        await connection.execute("BEGIN")
        connection.terminate()
        await pool.release(connection)
    await pool.check()


async def test_a_connection_that_is_lost_leaves_its_room_to_those_who_wait(patient: Pool) -> None:
    connection = await patient.take()
    tasks = await waiting(patient, "next")
    connection.terminate()
    await patient.release(connection)
    replaced = await tasks["next"]
    assert replaced is not connection
    await patient.release(replaced)


async def test_where_one_connection_was_lost_the_others_are_not_tried(pool: Pool, server: Server) -> None:
    lost, other = await pool.take(), await pool.take()
    await pool.release(other)
    lost.terminate()
    await pool.release(lost)
    assert other.is_closed()
    made = server.made
    await pool.release(await pool.take())
    assert server.made == made + 1


async def test_server_that_takes_no_writes_is_left(pool: Pool) -> None:
    connection = await pool.take()
    await connection.execute("SET default_transaction_read_only = on")
    await pool.release(connection)
    with pytest.raises(Unavailable, match="accepts no writes"):
        await pool.check()
    assert connection.is_closed()
    await pool.check()


async def test_connections_that_the_server_has_ended_are_replaced(pool: Pool, superuser: asyncpg.Connection) -> None:
    for _ in range(5):
        await superuser.execute(f"SELECT pg_terminate_backend(pid, 10000) {OURS}")
        await pool.release(await pool.take())
    await pool.release(await pool.take())


async def test_an_open_transaction_is_rolled_back(patient: Pool) -> None:
    connection = await patient.take()
    await connection.execute("BEGIN; CREATE TEMP TABLE made (x int)")
    await patient.release(connection)
    async with patient.connection() as again:
        assert again is connection
        assert await again.fetchval("SELECT to_regclass('pg_temp.made')") is None


async def test_a_connection_is_not_used_before_what_was_cancelled_on_it_has_ended(patient: Pool) -> None:
    async def use() -> None:
        async with patient.connection() as connection:
            await connection.fetch("SELECT pg_sleep($1)", 60)

    async with patient.connection() as connection:
        await connection.fetch("SELECT pg_sleep($1)", 0)
    for _ in range(20):
        task = asyncio.create_task(use())
        await asyncio.sleep(0)
        task.cancel()
        await patient.check()


async def test_what_is_given_back_twice_is_a_mistake(pool: Pool) -> None:
    connection = await pool.take()
    await pool.release(connection)
    with pytest.raises(RuntimeError):
        await pool.release(connection)


# --- what is ended


async def test_connections_that_are_unused_for_long_are_closed_but_for_two(server: Server) -> None:
    pool = Pool(server.connect, size=4, wait_seconds=30)
    for connection in [await pool.take() for _ in range(4)]:
        await pool.release(connection)
        connection.released_at -= 1000
    pool._look_after()
    assert pool.counts() == PoolCounts(idle=2, busy=0, size=4, waiting=0)
    await pool.check()
    await pool.close()


async def test_a_connection_that_is_old_is_replaced_in_use_and_out_of_it(patient: Pool) -> None:
    connection = await patient.take()
    connection.expires_at = 0
    await patient.release(connection)
    replaced = await patient.take()
    assert connection.is_closed()
    assert replaced is not connection
    await patient.release(replaced)
    replaced.expires_at = 0
    patient._look_after()
    assert replaced.is_closed()
    await patient.check()


async def test_a_connection_whose_server_does_not_answer_is_ended(patient: Pool) -> None:
    async with patient.connection() as connection:
        text = "SELECT pg_sleep($1)"
        await connection.fetch(text, 0)
        task = asyncio.create_task(connection.fetch(text, 60))
        await asyncio.sleep(0)
        patient._look_after()
        assert not connection.is_closed()
        assert connection.asked_at is not None
        connection.asked_at -= 1000
        patient._look_after()
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await task
    await patient.check()


# --- the end


async def test_a_pool_that_is_closed_refuses_as_one_without_a_database(database: Database) -> None:
    pool = await Pool.open(database.runtime_url, size=1)
    await pool.close()
    await pool.close()
    with pytest.raises(Unavailable):
        await pool.take()


async def test_a_pool_that_closes_turns_away_who_waits_and_waits_for_who_works(
    server: Server, superuser: asyncpg.Connection
) -> None:
    pool = Pool(server.connect, size=1, wait_seconds=30)
    connection = await pool.take()
    tasks = await waiting(pool, "refused")
    closing = asyncio.create_task(pool.close())
    with pytest.raises(Unavailable):
        await tasks["refused"]
    assert await connection.fetchval("SELECT 1") == 1
    assert not closing.done()
    await pool.release(connection)
    await closing
    assert connection.is_closed()


async def test_a_pool_whose_owner_is_cancelled_does_not_wait_for_those_who_use_it(database: Database) -> None:
    pool = await Pool.open(database.runtime_url, size=1)
    connection = await pool.take()

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
    assert connection.is_closed()


async def test_a_pool_that_cannot_be_opened_says_why() -> None:
    with pytest.raises(ConnectionRefusedError):
        await Pool.open(NOWHERE, size=1)
