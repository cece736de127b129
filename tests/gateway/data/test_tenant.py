"""One operation's connection: given back clean whatever happens, and failures that say whether to send it again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.driver.meter import Unlimited
from gateway.data.driver.stamp import Stamp
from gateway.data.pool import Pool
from gateway.data.queries import Query
from gateway.data.tenancy import Tenant
from gateway.errors import Overloaded, Unavailable
from tests.kit.database import Database
from tests.kit.giving_up import MOMENTS, Moment, at_every_await

WHO = "SELECT current_setting('app.user_id')::uuid AS stamped, $1::uuid AS bound"
SLEEP = "SELECT $1::uuid, pg_sleep(60)"
PROCESS = "SELECT $1::uuid, pg_backend_pid() AS pid"

SLOW_COMMIT = (
    "CREATE TEMP TABLE slow (x int)",
    "CREATE FUNCTION pg_temp.sleep() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'",
    "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION pg_temp.sleep()",
    "INSERT INTO slow VALUES (1)",
)


async def make_commit_slow(tenant: Tenant) -> None:
    """Have the commit of the tenant's transaction take its time."""
    assert tenant._connection is not None
    for text in SLOW_COMMIT:
        await tenant._connection.execute(text)


@dataclass(slots=True)
class Operations:
    """Makes operations that share a pool of one connection, so that one that is lost or unclean is noticed."""

    pool: Pool
    superuser: asyncpg.Connection
    hinted: list[UUID] = field(default_factory=list)

    @asynccontextmanager
    async def begin(self, *, snapshot: bool = False) -> AsyncIterator[Tenant]:
        stamp = Stamp(uuid.uuid4(), None, "user")
        tenant = Tenant(self.pool, stamp, snapshot=snapshot, committed=self.hinted.append)
        try:
            yield tenant
        finally:
            await tenant.close()

    async def until_busy(self, what: str = "PgSleep") -> None:
        """Return once the connection's server process is in the middle of a statement."""
        seen = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = $1"
        while not await self.superuser.fetchval(seen, what):
            pass

    async def end_connections(self) -> None:
        """Let the server end every connection of the pool."""
        ended = (
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'parley'"
        )
        await self.superuser.execute(ended)

    async def check(self) -> None:
        """The pool's connection serves another caller, as that caller and outside of any transaction."""
        async with asyncio.timeout(20), self.begin() as tenant:
            (row,) = await tenant.fetch(WHO)
            assert row["stamped"] == row["bound"] == tenant.stamp.user_id
            first, second = [await tenant.fetch("SELECT $1::uuid, now() AS at") for _ in range(2)]
            assert first[0]["at"] < second[0]["at"]


@pytest_asyncio.fixture(loop_scope="module")
async def operations(database: Database) -> AsyncIterator[Operations]:
    pool = await Pool.open(database.runtime_url, size=1, wait_seconds=10)
    superuser = await asyncpg.connect(database.owner_url)
    yield Operations(pool, superuser)
    await superuser.close()
    await pool.close()


async def stop(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def sleeping() -> Query:
    return Query("sleep", SLEEP, ("user_id",))


@pytest.mark.parametrize("snapshot", [False, True])
async def test_a_cancelled_statement_leaves_a_clean_connection(operations: Operations, snapshot: bool) -> None:
    async def operate() -> None:
        async with operations.begin(snapshot=snapshot) as tenant:
            await tenant.fetch(SLEEP)

    task = asyncio.create_task(operate())
    await operations.until_busy()
    await stop(task)
    await operations.check()


async def test_bytes_count_for_the_operation_that_has_the_connection(operations: Operations) -> None:
    large = "SELECT $1::uuid, repeat('x', 10000)"
    mine, other = Unlimited(), Unlimited()
    async with operations.begin() as tenant:
        tenant.allowance = mine
        await tenant.fetch(large)
        await tenant.close()
        await tenant.fetch(large)
    assert 20_000 < mine.received < 21_000
    async with operations.begin() as tenant:
        tenant.allowance = other
        async with tenant.autocommit() as statements:
            await statements.rows(Query("large", large, ("user_id",)))
    async with operations.begin() as tenant:
        await tenant.fetch(large)
    assert 10_000 < other.received < 11_000
    assert mine.received < 21_000


async def test_a_cancelled_transaction_is_rolled_back(operations: Operations) -> None:
    async def operate() -> None:
        async with operations.begin() as tenant, tenant.transaction() as db:
            await db.rows(Query("make", "CREATE TEMP TABLE made ON COMMIT PRESERVE ROWS AS SELECT 1", ()))
            await db.rows(sleeping())

    task = asyncio.create_task(operate())
    await operations.until_busy()
    await stop(task)
    await operations.check()
    async with operations.begin() as tenant:
        assert (await tenant.fetch("SELECT $1::uuid, to_regclass('pg_temp.made') AS made"))[0]["made"] is None
    assert operations.hinted == []


async def test_a_commit_that_is_cancelled_leaves_a_clean_connection_and_a_hint(operations: Operations) -> None:
    async def operate() -> None:
        async with operations.begin() as tenant, tenant.transaction():
            await make_commit_slow(tenant)

    task = asyncio.create_task(operate())
    await operations.until_busy()
    await stop(task)
    await operations.check()
    assert len(operations.hinted) == 1


async def test_what_is_committed_before_a_mutation_fails_is_hinted_at(operations: Operations) -> None:
    async with operations.begin() as tenant:
        with pytest.raises(KeyError):
            async with tenant.autocommit():
                raise KeyError
        assert operations.hinted == [tenant.stamp.user_id]


async def test_what_still_runs_when_an_operation_ends_is_cancelled(operations: Operations) -> None:
    async with operations.begin() as tenant:
        left = [asyncio.create_task(tenant.fetch(SLEEP)) for _ in range(3)]
        await operations.until_busy()
    assert all(task.cancelled() for task in left)
    await operations.check()


@pytest.mark.parametrize("snapshot", [False, True])
async def test_what_begins_after_an_operation_has_ended_keeps_no_connection(
    operations: Operations, snapshot: bool
) -> None:
    async with operations.begin(snapshot=snapshot) as tenant:
        await tenant.fetch(WHO)
    for _ in range(3):
        await tenant.fetch(WHO)
        await operations.check()


async def test_statements_take_turns_in_the_order_in_which_they_came(operations: Operations) -> None:
    async with operations.begin() as tenant:
        sleeping = asyncio.create_task(tenant.fetch(SLEEP))
        await operations.until_busy()
        done: list[int] = []
        tasks = [asyncio.create_task(tenant.fetch(WHO)) for _ in range(5)]
        for n, task in enumerate(tasks):
            task.add_done_callback(lambda _, n=n: done.append(n))  # type: ignore[misc]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[3].cancel()
        await stop(sleeping)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [n for n in done if not tasks[n].cancelled()] == [1, 2, 4]
    await operations.check()


async def test_a_turn_that_is_cancelled_as_it_comes_goes_to_the_next(operations: Operations) -> None:
    async with operations.begin() as tenant:
        async with tenant.autocommit():
            first, second = [asyncio.create_task(tenant.fetch(WHO)) for _ in range(2)]
            await asyncio.sleep(0)
        first.cancel()
        assert await second
        assert first.cancelled()
    await operations.check()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_operation_goes_on_whose_transaction_was_given_up_at_any_await(
    operations: Operations, moment: Moment
) -> None:
    async with operations.begin() as tenant:

        async def transact() -> None:
            async with tenant.transaction() as db:
                await db.rows(Query("who", WHO, ("user_id",)))

        async def check() -> None:
            first, second = [(await tenant.fetch("SELECT $1::uuid, now() AS at"))[0] for _ in range(2)]
            assert first["at"] < second["at"]

        assert await at_every_await(transact, moment, after=check) > 0
    await operations.check()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_what_is_given_up_in_a_snapshot_at_any_await_takes_nothing_from_the_others(
    operations: Operations, moment: Moment
) -> None:
    text = "SELECT $1::uuid, pg_current_snapshot()::text AS seen, pg_sleep(0.01)"
    async with operations.begin(snapshot=True) as tenant:
        seen: set[str] = set()

        async def check() -> None:
            (row,) = await tenant.fetch(text)
            seen.add(row["seen"])

        assert await at_every_await(lambda: tenant.fetch(text), moment, after=check) > 0
        assert len(seen) == 1
    await operations.check()


async def test_to_await_something_else_inside_of_a_transaction_is_a_mistake(operations: Operations) -> None:
    async with operations.begin() as tenant:
        with pytest.raises(RuntimeError):
            async with tenant.transaction():
                await tenant.fetch(WHO)
        assert await tenant.fetch(WHO)
    await operations.check()


async def test_callers_in_turn_are_each_taken_for_themselves(operations: Operations) -> None:
    stamps = [Stamp(uuid.uuid4(), None, "user") for _ in range(3)]

    async def operate(stamp: Stamp) -> None:
        for _ in range(10):
            tenant = Tenant(operations.pool, stamp, committed=operations.hinted.append)
            (row,) = await tenant.fetch(WHO)
            assert row["stamped"] == row["bound"] == stamp.user_id
            await tenant.close()

    await asyncio.gather(*map(operate, stamps))


async def test_a_read_is_sent_again_when_the_connection_had_died(operations: Operations) -> None:
    async with operations.begin() as tenant:
        before = await tenant.fetch(PROCESS)
        await operations.end_connections()
        assert await tenant.fetch(PROCESS) != before


@pytest.mark.parametrize("snapshot", [False, True])
async def test_an_operation_that_is_given_a_dead_connection_takes_another(
    operations: Operations, snapshot: bool
) -> None:
    await operations.check()
    (connection,) = operations.pool._open
    async with operations.begin(snapshot=snapshot) as tenant:
        tenant._connection = await operations.pool.take()
        await operations.end_connections()
        assert await tenant.fetch(WHO)
    assert connection.is_closed()


async def test_a_snapshot_whose_connection_has_died_is_not_gone_on_with(operations: Operations) -> None:
    async with operations.begin(snapshot=True) as tenant:
        await tenant.fetch(WHO)
        await operations.end_connections()
        for _ in range(2):
            with pytest.raises(Unavailable):
                await tenant.fetch(WHO)
    await operations.check()


async def test_a_write_whose_connection_is_lost_may_have_been_done(operations: Operations) -> None:
    async with operations.begin() as tenant:

        async def write() -> None:
            async with tenant.autocommit() as db:
                await db.row(sleeping())

        task = asyncio.create_task(write())
        await operations.until_busy()
        await operations.end_connections()
        with pytest.raises(Unavailable, match="same id") as failed:
            await task
        assert failed.value.extensions["outcome"] == "unknown"
        assert operations.hinted == [tenant.stamp.user_id]
    await operations.check()


async def test_a_transaction_whose_connection_is_lost_before_the_commit_was_not_done(operations: Operations) -> None:
    async with operations.begin() as tenant:

        async def write() -> None:
            async with tenant.transaction() as db:
                await operations.end_connections()
                await db.rows(sleeping())

        with pytest.raises(Unavailable) as failed:
            await write()
        assert "outcome" not in failed.value.extensions
    await operations.check()


async def test_a_transaction_whose_connection_is_lost_in_the_commit_may_have_been_done(operations: Operations) -> None:
    async with operations.begin() as tenant:

        async def write() -> None:
            async with tenant.transaction():
                await make_commit_slow(tenant)

        task = asyncio.create_task(write())
        await operations.until_busy()
        await operations.end_connections()
        with pytest.raises(Unavailable) as failed:
            await task
        assert failed.value.extensions["outcome"] == "unknown"
    await operations.check()


@pytest.mark.parametrize(
    ("sqlstate", "error"),
    [
        ("40001", Overloaded),
        ("40P01", Overloaded),
        ("55P03", Overloaded),
        ("57014", Overloaded),
        ("53300", Overloaded),
        ("25006", Unavailable),
        ("57P01", Unavailable),
        ("57P03", Unavailable),
        ("08006", Unavailable),
        ("23505", asyncpg.UniqueViolationError),
        ("22012", asyncpg.DivisionByZeroError),
    ],
)
async def test_what_the_database_fails_at_is_told_from_what_it_refuses(
    operations: Operations, sqlstate: str, error: type[Exception]
) -> None:
    text = f"DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{sqlstate}'; END $$"
    async with operations.begin() as tenant:
        with pytest.raises(error):
            async with tenant.transaction() as db:
                await db.rows(Query("raise", text, ()))
    await operations.check()


async def test_what_follows_a_failure_in_a_snapshot_is_no_mistake_of_ours(operations: Operations) -> None:
    async with operations.begin(snapshot=True) as tenant:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await tenant.fetch("SELECT $1::uuid, 1 / 0")
        with pytest.raises(Overloaded):
            await tenant.fetch(WHO)
    await operations.check()
