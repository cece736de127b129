"""The queue holds all users' jobs, so only connections of background work see it."""

from __future__ import annotations

import uuid

import asyncpg
import pytest

from gateway.data.setup.roles import WORK_SCHEMA
from gateway.work.queue import NAMES, Asked
from tests.gateway.work.processes import Works

TABLES = ("pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics")


async def test_what_is_queued_already_is_not_added_again(works: Works) -> None:
    asked = Asked(uuid.uuid4(), uuid.uuid4())
    assert await works.queue.add("steps", asked)
    assert not await works.queue.add("steps", asked)
    assert await works.queue.add("tick")
    assert not await works.queue.add("tick")


async def test_an_entry_has_ids_and_nothing_else(works: Works) -> None:
    asked = Asked(uuid.uuid4(), uuid.uuid4())
    await works.queue.add("steps", asked)
    payload = await works.superuser.fetchval("SELECT payload FROM parley_work.pgqueuer")
    assert Asked.read(payload) == asked


@pytest.mark.parametrize("table", TABLES)
async def test_a_connection_for_requests_sees_none_of_it(works: Works, runtime: asyncpg.Connection, table: str) -> None:
    await works.queue.add("steps", Asked(uuid.uuid4(), uuid.uuid4()))
    await runtime.execute("SELECT set_config('app.user_id', $1, true)", str(uuid.uuid4()))
    assert await runtime.fetchval(f"SELECT count(*) FROM parley_work.{table}") == 0  # noqa: S608
    assert await runtime.execute(f"DELETE FROM parley_work.{table}") == "DELETE 0"  # noqa: S608


async def test_a_connection_for_requests_adds_nothing_to_it(works: Works, runtime: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await runtime.execute(
            "INSERT INTO parley_work.pgqueuer (priority, status, entrypoint) VALUES (0, 'queued', 'steps')"
        )


async def test_row_security_is_forced_on_each_table(works: Works) -> None:
    rows = await works.superuser.fetch(
        "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced FROM pg_class"
        " WHERE relnamespace = $1::regnamespace AND relkind = 'r' ORDER BY relname",
        WORK_SCHEMA,
    )
    assert [tuple(row) for row in rows] == [(table, True) for table in TABLES]


async def test_the_tables_are_those_that_the_library_expects(works: Works) -> None:
    plan = await works.queue.library.plan_upgrade()
    assert plan.statements == ()
    assert NAMES.db_schema == WORK_SCHEMA
