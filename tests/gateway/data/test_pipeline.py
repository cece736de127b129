"""Statements of several callers in one transaction: each their own row, once, and nobody's trouble another's."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import pytest_asyncio

from gateway.data import pipeline, statements
from gateway.data.driver.stamp import Stamp
from gateway.data.pipeline import Pipelines
from gateway.data.pool import Pool
from gateway.errors import Overloaded, Unavailable
from tests.gateway.data.writers import BEGINNERS, HOLD, TOGETHER, Writers
from tests.kit.database import Database


@pytest_asyncio.fixture(loop_scope="module")
async def writers(database: Database, superuser: asyncpg.Connection) -> AsyncIterator[Writers]:
    await superuser.execute(HOLD)
    pool = await Pool.open(database.runtime_url, size=10, wait_seconds=60)
    yield Writers(pool, Pipelines.of(pool), superuser)
    await pool.close()


async def test_each_gets_their_own_row_and_all_commit_at_once(writers: Writers) -> None:
    callers = await writers.callers(TOGETHER)
    async with writers.others_under_way():
        added = await asyncio.gather(*(writers.add(caller, f"of {caller.user_id}") for caller in callers))
    assert (writers.writes.transactions, writers.writes.statements) == (1, TOGETHER)
    assert [(row.content, row.seq) for row in added] == [(f"of {caller.user_id}", 1) for caller in callers]
    assert await writers.stored(callers) == [[f"of {caller.user_id}"] for caller in callers]
    assert {caller.user_id for caller in callers} <= {*writers.committed}
    transactions = await writers.superuser.fetch(
        "SELECT DISTINCT xmin FROM messages WHERE user_id = ANY($1)", [caller.user_id for caller in callers]
    )
    assert len(transactions) == 1


async def test_who_comes_when_little_is_under_way_goes_alone(writers: Writers) -> None:
    callers = await writers.callers(BEGINNERS)
    await asyncio.gather(*(writers.add(caller, "hello") for caller in callers))
    assert writers.writes.transactions == 0


async def test_rows_of_one_caller_keep_their_order(writers: Writers) -> None:
    (caller,) = await writers.callers(1)
    contents = [str(n) for n in range(40)]
    async with writers.others_under_way():
        await asyncio.gather(*(writers.add(caller, content) for content in contents))
    assert await writers.stored([caller]) == [contents]
    assert writers.writes.statements >= 39  # the last may be left over


async def test_rows_with_other_columns_go_by_other_transactions(writers: Writers) -> None:
    callers = await writers.callers(4)
    async with writers.others_under_way():
        await asyncio.gather(
            *(writers.add(caller, "hello", **({"model": "m"} if n % 2 else {})) for n, caller in enumerate(callers))
        )
    assert await writers.stored(callers) == [["hello"]] * 4
    assert (writers.writes.transactions, writers.writes.statements) == (2, 4)


async def test_what_is_refused_is_refused_to_its_caller_alone(writers: Writers) -> None:
    callers = await writers.callers(TOGETHER)
    async with writers.others_under_way():
        wrong = writers.add(callers[0], "hello", conversation_id=callers[1].conversation_id)
        await asyncio.gather(*(writers.add(caller, "hello") for caller in callers[1:]))
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await wrong
    assert await writers.stored(callers) == [[], *[["hello"]] * (TOGETHER - 1)]
    assert writers.writes.transactions == 0

    async with writers.others_under_way():
        await asyncio.gather(*(writers.add(caller, "again") for caller in callers))
    assert await writers.stored(callers) == [["again"], *[["hello", "again"]] * (TOGETHER - 1)]
    assert (writers.writes.transactions, writers.writes.statements) == (1, TOGETHER - 1), (
        "who was refused goes alone for a while"
    )


async def test_who_goes_alone_for_a_while_does_not_for_ever(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_APART_SECONDS", 0.0)
    callers = await writers.callers(TOGETHER)
    async with writers.others_under_way():
        await asyncio.wait([writers.add(caller, "hello", parent_id=uuid.uuid4()) for caller in callers])
    async with writers.others_under_way():
        await asyncio.gather(*(writers.add(caller, "again") for caller in callers))
    assert (writers.writes.transactions, writers.writes.statements) == (1, TOGETHER)


async def test_no_more_callers_are_remembered_than_there_is_room_for(
    writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_MOST_APART", 2)
    callers = await writers.callers(TOGETHER)
    async with writers.others_under_way():
        await asyncio.wait([writers.add(caller, "hello", parent_id=uuid.uuid4()) for caller in callers])
    assert len(writers.writes._apart) == 2


async def test_nobody_waits_for_a_caller_whose_rows_are_locked(writers: Writers, database: Database) -> None:
    callers = await writers.callers(TOGETHER)
    locked = callers[2]
    another = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    async with writers.others_under_way():
        async with another.transaction():
            await another.execute("SELECT FROM feeds WHERE user_id = $1 FOR UPDATE", locked.user_id)
            tasks = [writers.add(caller, "hello") for caller in callers]
            await asyncio.gather(*(task for task, caller in zip(tasks, callers, strict=True) if caller is not locked))
            assert not tasks[2].done()
        await tasks[2]
    await another.close()
    assert await writers.stored(callers) == [["hello"]] * TOGETHER


async def test_who_goes_while_they_wait_has_written_nothing(writers: Writers) -> None:
    callers = await writers.callers(5)
    async with writers.others_under_way():
        tasks = [writers.add(caller, "hello") for caller in callers]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait(tasks)
    assert tasks[0].cancelled()
    assert await writers.stored(callers) == [[], ["hello"], ["hello"], ["hello"], ["hello"]]


async def test_who_goes_when_their_row_has_gone_takes_nothing_back(writers: Writers) -> None:
    callers = await writers.callers(4)
    async with writers.others_under_way():
        async with writers.held("slow"):
            tasks = [writers.add(caller, "slow") for caller in callers]
            await writers.until_sleeping(BEGINNERS + 1)
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
            writers.committed.clear()
        await asyncio.wait(tasks)
    assert await writers.stored(callers) == [["slow"]] * 4
    assert callers[0].user_id in writers.committed, "their other devices hear of it"


async def test_all_of_a_lost_transaction_are_told_that_its_outcome_is_unknown(writers: Writers) -> None:
    callers = await writers.callers(4)
    async with writers.others_under_way() as others, writers.held("slow"):
        tasks = [writers.add(caller, "slow") for caller in callers]
        (process,) = await writers.until_sleeping(BEGINNERS + 1) - others
        await writers.superuser.execute("SELECT pg_terminate_backend($1, 10000)", process)
        await asyncio.wait(tasks)
    for task in tasks:
        with pytest.raises(Unavailable) as error:
            task.result()
        assert error.value.extensions["outcome"] == "unknown"
    assert await writers.stored(callers) == [[]] * 4
    await asyncio.gather(*(writers.add(caller, "again") for caller in callers))


async def test_whoever_waits_is_turned_away_when_there_is_no_connection(database: Database, writers: Writers) -> None:
    pool = await Pool.open(database.runtime_url, size=BEGINNERS, wait_seconds=0.5)
    busy = Writers(pool, Pipelines.of(pool), writers.superuser)
    callers = await busy.callers(20)
    async with busy.others_under_way():
        tasks = [busy.add(caller, "hello") for caller in callers[:10]]
        while not pool.counts().waiting:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)
        tasks += [busy.add(caller, "hello") for caller in callers[10:]]
        await asyncio.wait(tasks)
        assert all(isinstance(task.exception(), Overloaded) for task in tasks)
    assert not busy.writes._apart, "that was not their fault"
    assert await busy.stored(callers) == [[]] * 20
    await asyncio.gather(*(busy.add(caller, "hello") for caller in callers))
    assert await busy.stored(callers) == [["hello"]] * 20
    await pool.close()


async def test_a_row_under_the_stamp_of_another_caller_is_refused(writers: Writers) -> None:
    """Row-level security judges each row by the stamp before its own statement, whoever the connection was for."""
    one, other = await writers.callers(2)
    text = statements.insert("messages", ("conversation_id", "role", "content"), ("id",))
    async with writers.pool.connection() as connection:
        await connection.stamp_with(one.stamp)
        for caller, stamp in ((one, other.stamp), (other, one.stamp)):
            sets = [
                (stamped, [each.user_id, each.conversation_id, "user", "hello"])
                for each, stamped in ((other, other.stamp), (caller, stamp), (one, one.stamp))
            ]
            with pytest.raises(asyncpg.ForeignKeyViolationError):  # of a conversation that it cannot see
                await connection.fetch_each(text, sets)
            assert connection.stamped_for is None
    assert await writers.stored([one, other]) == [[], []]


async def test_each_statement_has_the_stamp_of_its_caller(writers: Writers) -> None:
    seen = (
        "SELECT $1::int AS number, current_setting('app.user_id') AS user_id, current_setting('app.session_id') AS"
        " session_id, current_setting('app.actor') AS actor, current_setting('lock_timeout') AS patience"
    )
    stamps = [Stamp(uuid.uuid4(), session, actor) for session in (None, uuid.uuid4()) for actor in ("user", "agent")]
    async with writers.pool.connection() as connection:
        for hurries, patience in ((True, "100ms"), (False, "5s")):
            rows = await connection.fetch_each(seen, [(each, [n]) for n, each in enumerate(stamps)], hurries=hurries)
            assert [tuple(row) for row in rows] == [
                (n, str(each.user_id), str(each.credential_id or ""), each.actor, patience)
                for n, each in enumerate(stamps)
            ]
            assert connection.stamped_for == stamps[-1]
            assert await connection.fetchval("SELECT current_setting('app.user_id')") == str(stamps[-1].user_id)
            assert await connection.fetchval("SHOW lock_timeout") == "5s"


async def test_more_than_a_packet_is_sent_with_its_stamps(writers: Writers) -> None:
    """The driver writes what is long in several pieces."""
    callers = await writers.callers(16)
    content = "long " * 40_000
    async with writers.others_under_way():
        await asyncio.gather(*(writers.add(caller, content) for caller in callers))
    assert await writers.stored(callers) == [[content]] * 16
    assert writers.writes.statements > 0


async def test_each_reads_their_own_and_all_at_once(writers: Writers, database: Database) -> None:
    callers = await writers.callers(12)
    async with nobody_reads(database):
        tasks = [writers.read(caller) for caller in callers]
        await asyncio.sleep(0)
    rows = await asyncio.gather(*tasks)
    assert [(row["id"], row["user_id"]) for row in rows if row] == [
        (caller.conversation_id, caller.user_id) for caller in callers
    ]
    assert writers.reads.statements > writers.reads.transactions > 0


async def test_what_is_not_there_is_not_found_by_its_caller_alone(writers: Writers, database: Database) -> None:
    callers = await writers.callers(6)
    stranger = callers[3]
    for _ in ("together", "alone"):
        async with nobody_reads(database):
            tasks = [
                writers.read(caller, callers[0].conversation_id if caller is stranger else None) for caller in callers
            ]
            await asyncio.sleep(0)
        rows = await asyncio.gather(*tasks)
        assert [row and row["user_id"] for row in rows] == [
            None if caller is stranger else caller.user_id for caller in callers
        ]
    assert [*writers.reads._apart] == [stranger.user_id]
    assert writers.reads.transactions > 0


async def test_a_read_whose_connection_is_lost_is_made_again(writers: Writers, database: Database) -> None:
    callers = await writers.callers(8)
    async with nobody_reads(database):
        tasks = [writers.read(caller) for caller in callers]
        text = (
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'parley' AND wait_event_type = 'Lock'"
        )
        while not await writers.superuser.fetch(text):
            pass
    rows = await asyncio.gather(*tasks)
    assert [row and row["user_id"] for row in rows] == [caller.user_id for caller in callers]


@asynccontextmanager
async def nobody_reads(database: Database) -> AsyncIterator[None]:
    """Whoever reads a conversation waits while the block runs."""
    another = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    try:
        async with another.transaction():
            await another.execute("LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await another.close()
