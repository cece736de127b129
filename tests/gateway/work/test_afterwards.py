"""Statements that run after a response: in order, whatever becomes of others, and before the process ends."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio
from structlog.testing import capture_logs

from gateway.data.pool import Pool
from gateway.data.queries import Query
from gateway.work.afterwards import MOST, Afterwards
from tests.kit.database import Database

NOTE = Query("note", "SELECT nextval('public.' || $1)", ("name",))
FAIL = Query("fail", "SELECT 1 / $1::integer", ("by",))
USER = uuid.UUID(int=7)


@pytest_asyncio.fixture(loop_scope="module")
async def pool(database: Database, superuser: asyncpg.Connection) -> AsyncIterator[Pool]:
    await superuser.execute(
        "DROP SEQUENCE IF EXISTS public.noted; CREATE SEQUENCE public.noted; GRANT USAGE ON public.noted TO PUBLIC"
    )
    opened = await Pool.open(database.runtime_url, size=2)
    yield opened
    await opened.close()


async def noted(superuser: asyncpg.Connection) -> int:
    """How many statements have run."""
    value: int = await superuser.fetchval("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.noted")
    return value


async def test_a_statement_runs_after_the_call_and_its_user_is_told(pool: Pool, superuser: asyncpg.Connection) -> None:
    committed: list[uuid.UUID] = []
    afterwards = Afterwards(pool, committed.append)
    async with afterwards.running():
        afterwards.run(NOTE, USER, name="noted")
        afterwards.run(NOTE, None, name="noted")
        await afterwards.done()
        assert await noted(superuser) == 2
    assert committed == [USER]


async def test_one_that_fails_holds_up_no_other(pool: Pool, superuser: asyncpg.Connection) -> None:
    committed: list[uuid.UUID] = []
    afterwards = Afterwards(pool, committed.append)
    with capture_logs() as logs:
        async with afterwards.running():
            afterwards.run(FAIL, USER, by=0)
            afterwards.run(NOTE, None, name="noted")
            await afterwards.done()
    assert await noted(superuser) == 1
    assert committed == []
    assert [(each["event"], each["query"], each["error"]) for each in logs] == [
        ("afterwards.failed", "fail", "DivisionByZeroError")
    ]


async def test_what_is_left_runs_before_the_process_ends(pool: Pool, superuser: asyncpg.Connection) -> None:
    afterwards = Afterwards(pool, lambda _: None)
    async with afterwards.running():
        for _ in range(20):
            afterwards.run(NOTE, None, name="noted")
    assert await noted(superuser) == 20


async def test_more_than_can_wait_are_dropped(pool: Pool, superuser: asyncpg.Connection) -> None:
    afterwards = Afterwards(pool, lambda _: None)
    with capture_logs() as logs:
        for _ in range(MOST + 3):
            afterwards.run(NOTE, None, name="noted")
    assert [each["event"] for each in logs] == ["afterwards.dropped"] * 3
    async with afterwards.running():
        await afterwards.done()
    assert await noted(superuser) == MOST
